"""The Grafana dashboard and Prometheus' configuration and alerts, as Prometheus' own tool reads them."""

import json
import re
import subprocess
from pathlib import Path

from scripts import grafana_dashboard
from tests.dashboards import DASHBOARD, DEPLOY, dashboard_expressions
from tests.servers.process import find_program


def promtool(*arguments: str, folder: Path = DEPLOY / "prometheus") -> str:
    """What it prints; it must like what it reads."""
    done = subprocess.run(
        [find_program("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_alert_fires_on_what_it_is_for() -> None:
    """The rules are right, and their own tests pass: every alert has one."""
    alerts = set(re.findall(r"- alert: (\w+)", (DEPLOY / "prometheus" / "alerts.yml").read_text()))
    tested = set(re.findall(r"alertname: (\w+)", (DEPLOY / "prometheus" / "alerts.test.yml").read_text()))
    assert alerts == tested
    promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    """With the key's file beside it, as its first lines say."""
    for name in ("prometheus.yml", "alerts.yml"):
        (tmp_path / name).write_text((DEPLOY / "prometheus" / name).read_text())
    (tmp_path / "internal_key").write_text("0123456789abcdef")
    promtool("check", "config", "prometheus.yml", folder=tmp_path)


def test_every_panel_asks_what_prometheus_understands(tmp_path: Path) -> None:
    """Each expression is one, with Grafana's variables filled in."""
    filled = [
        re.sub(r"\$(api|service)", ".*", text.replace("$__rate_interval", "5m")) for text in dashboard_expressions()
    ]
    rules = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(filled) if "label_values" not in text]
    assert len(rules) > 30
    (tmp_path / "panels.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", "panels.yml", folder=tmp_path)


def test_the_dashboard_is_what_its_table_makes() -> None:
    """scripts/grafana_dashboard.py was run after its table was changed; no two panels lie on each other."""
    assert DASHBOARD.read_text() == grafana_dashboard.written()
    taken: set[tuple[int, int]] = set()
    for panel in grafana_dashboard.dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < grafana_dashboard.COLUMNS
        taken |= cells
