"""docker-compose.yml and nginx.conf are read by the real programs; no container is started."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.process import find_program

ROOT = Path(__file__).parents[2]
OURS = {"gateway-1", "gateway-2", "admin-1", "admin-2", "indexer", "monitor", "orders", "warehouse"}
REQUIRED = {
    "MYSQL_ROOT_PASSWORD": "root1",
    "MYSQL_PASSWORD": "mysql1",
    "REDIS_PASSWORD": "redis1",
    "RABBITMQ_PASSWORD": "rabbit1",
    "ELASTIC_PASSWORD": "elastic1",
    "IK_PLUGIN_URL": "none",
    "PAILOU_INTERNAL_KEYS": "internal1",
    "PAILOU_MASTER_KEYS": "k1:AAAA",
    "PAILOU_MAILER_URL": "outbox:///app/var/outbox",
    "PAILOU_MAIL_FROM": "alarm@pailou.example",
    "PAILOU_ALERT_RECIPIENTS": "ops@pailou.example",
}


def compose_config(folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What `docker-compose config` makes of our file with these variables as .env, and with nothing of ours set."""
    env_file = folder / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return subprocess.run(
        [
            find_program("docker-compose"),
            *("--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml")),
            *("--env-file", str(env_file), "config"),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The services as docker-compose understands them, with all required variables set."""
    done = compose_config(tmp_path_factory.mktemp("compose"), REQUIRED)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)["services"]
    assert isinstance(found, dict)
    return found


def test_every_service_of_ours_runs_twice_after_the_migration(services: dict[str, Any]) -> None:
    """Two of each, none before the tables are there, each told to stop with patience for its drain."""
    assert set(services) >= OURS
    for name in OURS:
        service = services[name]
        assert name[-2:] in ("-1", "-2") or service["deploy"]["replicas"] == 2, name
        assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name
        assert service["stop_grace_period"] == "50s", name
        assert service["environment"]["HEALTH_PORT"], name


def test_what_others_wait_for_says_when_it_is_healthy(services: dict[str, Any]) -> None:
    """A `service_healthy` condition on a service without a health check would never come true. Our image has one."""
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy" and other not in OURS:
                assert services[other]["healthcheck"]["test"], f"{name} waits for {other}"
    assert "HEALTHCHECK" in (ROOT / "deploy/Dockerfile").read_text()


def test_images_are_official_ones_of_the_majors_the_clients_speak(services: dict[str, Any]) -> None:
    """No registry host in any name; the major versions are those the platform is made for."""
    images = {name: service["image"] for name, service in services.items()}
    assert all("/" not in image for image in images.values()), images
    assert images["mysql"].startswith("mysql:8.")
    assert images["redis"].startswith("redis:7")
    assert images["rabbitmq"].startswith("rabbitmq:3.13")
    assert "FROM elasticsearch:8.19." in (ROOT / "deploy/elasticsearch/Dockerfile").read_text()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_secret_that_is_not_set_stops_compose(name: str, tmp_path: Path) -> None:
    """Nothing secret has a default: the missing variable is named."""
    done = compose_config(tmp_path, {key: value for key, value in REQUIRED.items() if key != name})
    assert done.returncode != 0
    assert name in done.stderr


def test_the_example_names_every_variable_that_compose_reads() -> None:
    """Whoever fills in .env.example has all that `docker compose up` asks for, and no secret in it has a value."""
    read = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read <= set(example)
    assert [name for name in REQUIRED if example[name]] == []


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    """Real nginx reads deploy/nginx.conf; only names that exist inside compose's network are replaced."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    text = re.sub(
        r"server [\w-]+:(\d+) resolve", r"server 127.0.0.1:\1", text
    )  # Debian's nginx is older than `resolve`
    text = text.replace("/dev/stdout", str(tmp_path / "access.log")).replace("/dev/stderr", str(tmp_path / "error.log"))
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/nginx.pid;\n{text}")
    done = subprocess.run(
        [find_program("nginx"), "-t", "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
