"""Promises of the all-in-one's folder."""

import stat
from pathlib import Path

import pytest

from openplatform.errors import SettingsError
from pailou.var_folder import VarFolder, write_private


@pytest.fixture
def folder(tmp_path: Path) -> VarFolder:
    return VarFolder(tmp_path / "var")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_kept_private(folder: VarFolder) -> None:
    """The first start makes random secrets in a file that only its owner reads; later starts read the same."""
    with folder.held():
        made = folder.load_secrets()
        assert folder.load_secrets() == made
        assert mode(folder.secrets) == 0o600
        folder.reset()
        assert folder.load_secrets() != made


def test_only_one_process_at_a_time(folder: VarFolder) -> None:
    """A second all-in-one in the same folder is refused with a word on what to do; after the first it may."""
    with folder.held(), pytest.raises(SettingsError, match="PAILOU_VAR_DIR"), VarFolder(folder.path).held():
        pass
    with VarFolder(folder.path).held():
        pass


def test_reset_deletes_what_is_ours_and_nothing_else(folder: VarFolder) -> None:
    """--reset removes databases, logs, mails, counters and secrets; a file that somebody put there stays."""
    with folder.held():
        folder.databases.mkdir()
        folder.outbox.mkdir()
        ours = [
            folder.databases / "orders.sqlite3",
            folder.outbox / "1.eml",
            folder.call_logs,
            folder.path / "call-logs.sqlite3-wal",
            folder.redis_snapshot,
            folder.demo,
            folder.demo_made,
        ]
        for path in [*ours, folder.path / "mine.txt"]:
            path.write_text("x")
        folder.reset()
        assert not any(path.exists() for path in ours)
        assert (folder.path / "mine.txt").exists()


def test_an_unusable_folder_is_said(tmp_path: Path) -> None:
    """A path that cannot be a folder ends with a message that names the variable."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="PAILOU_VAR_DIR"), VarFolder(tmp_path / "file").held():
        pass


def test_damaged_secrets_are_said(folder: VarFolder) -> None:
    """A secrets file that cannot be read is not overwritten: the databases are sealed with what was in it."""
    with folder.held():
        folder.secrets.write_text("{")
        with pytest.raises(SettingsError, match="--reset"):
            folder.load_secrets()
        assert folder.secrets.read_text() == "{"


def test_a_private_file_replaces_a_readable_one(tmp_path: Path) -> None:
    """Writing over a file that others could read leaves one that they cannot."""
    path = tmp_path / "demo.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_text() == "new\n"
    assert mode(path) == 0o600
