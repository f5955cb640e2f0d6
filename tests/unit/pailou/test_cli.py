"""Promises of the command line: what goes where, and how it ends."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from openplatform.env import environment
from pailou.cli import main


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command in an empty folder, without any PAILOU_ variable but those given."""
    for name in environment():
        if name.startswith("PAILOU_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["pailou", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Done(int(end.value.code or 0), said.out, said.err)

    return command


def test_version_goes_to_stdout(run: Run) -> None:
    """`pailou version` prints one line and ends with 0."""
    done = run("version")
    assert (done.status, done.stdout, done.stderr) == (0, "pailou 0.1.0\n", "")


@pytest.mark.parametrize(
    "arguments", [("nothing",), ("serve", "nobody"), ("sign",), ("sign", "a.b", "word"), ("db", "upgrade", "nobody")]
)
def test_wrong_usage_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    """Unknown commands, services and databases, and odd parameters end with 2, said on stderr, without a trace."""
    done = run(*arguments, env={"PAILOU_APP_KEY": "k"})
    assert done.status == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_missing_settings_end_with_78_and_are_all_named(run: Run) -> None:
    """A service without its settings ends with 78 and names every missing variable, without a trace."""
    done = run("serve", "gateway")
    assert done.status == 78
    for variable in ("PAILOU_REDIS_URL", "PAILOU_RABBITMQ_URL", "PAILOU_INTERNAL_KEYS", "PAILOU_MASTER_KEYS"):
        assert variable in done.stderr
    assert "Traceback" not in done.stderr


def test_no_database_named_ends_with_78(run: Run) -> None:
    """`db upgrade` without any URL says which variables there are."""
    done = run("db", "upgrade")
    assert done.status == 78
    assert "PAILOU_ORDER_DATABASE_URL" in done.stderr


def test_sign_talks_on_stderr_and_answers_on_stdout(run: Run) -> None:
    """The secret comes from the environment; the curl line alone is on stdout, the explanation on stderr; the secret nowhere."""
    done = run("sign", "open.order.get", "order_id=1", env={"PAILOU_APP_KEY": "k", "PAILOU_APP_SECRET": "top-secret"})
    assert done.status == 0
    assert done.stdout.startswith("curl -sS http://127.0.0.1:8000/router/rest -d ")
    assert done.stdout.count("\n") == 1
    assert "order_id1" in done.stderr
    assert "top-secret" not in done.stdout + done.stderr


def test_sign_reads_the_secret_from_stdin(run: Run) -> None:
    """Without PAILOU_APP_SECRET the first line of standard input is the secret."""
    from_stdin = run("sign", "a.b", "timestamp=1", "--app-key", "k", "--json", stdin="top-secret\n")
    from_env = run("sign", "a.b", "timestamp=1", "--app-key", "k", "--json", env={"PAILOU_APP_SECRET": "top-secret"})
    assert json.loads(from_stdin.stdout)["sign"] == json.loads(from_env.stdout)["sign"]


def test_sign_without_a_secret_ends_with_78(run: Run) -> None:
    """No secret anywhere: 78, and a word on where to put it."""
    done = run("sign", "a.b", "--app-key", "k")
    assert done.status == 78
    assert "PAILOU_APP_SECRET" in done.stderr


def test_sign_demo_needs_a_demo(run: Run) -> None:
    """`sign --demo` where no demo ran says so and ends with 78."""
    done = run("sign", "a.b", "--demo")
    assert done.status == 78
    assert "demo.json" in done.stderr


def test_sign_explain_says_what_is_wrong(run: Run) -> None:
    """The rule on stdout, 1 as status; a signature that is right ends with 0; no METHOD is needed, and the secret is never shown."""
    env = {"PAILOU_APP_SECRET": "explained-secret"}
    signed = run("sign", "open.order.get", "order_id=1", "--app-key", "k", "-q", env=env)
    curl = signed.stdout.strip()
    good = run("sign", "--explain", curl, env=env)
    assert (good.status, good.stdout.strip()) == (0, "· good: the signature is right")
    bad = run("sign", "--explain", "-", env=env, stdin=curl.replace("order_id=1", "order_id=2"))
    assert bad.status == 1
    assert bad.stdout.startswith("✗ unknown:")
    assert "explained-secret" not in bad.stdout + bad.stderr
    assert run("sign", "--explain", "hello", env=env).status == 78
    assert run("sign", env=env).status == 2
