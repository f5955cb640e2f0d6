"""Which tests one worker runs after another when several run side by side (`pytest -n 3`): the plugin behind `make test`."""

import os

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.faults.times import LOAD_S

# What takes longest begins first, so that no worker is left with it at the end; unit tests fill the gaps.
FIRST = (
    "tests/faults/",
    "tests/e2e/",
    "tests/browser/",
    "tests/fuzz/",
    "tests/compat/",
    "tests/integration/",
    "tests/contract/",
)
# Load and killed processes: two of these beside each other would be each other's fault. `make faults` has nothing else. The
# browser's tests share one running platform.
ONE_AFTER_ANOTHER = ("tests/e2e/", "tests/browser/", *(() if os.environ.get(LOAD_S) else ("tests/faults/test_",)))


class ByFile(LoadScopeScheduling):
    """A file is one worker's, as are its module's fixtures; all of a folder in ONE_AFTER_ANOTHER is one worker's too."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in ONE_AFTER_ANOTHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


class SideBySidePlugin:
    """Registered with pytest by `tests/conftest.py`; without `-n` it does nothing."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Files in the order of their collection: how many tests one has says nothing of its time."""
        config.option.loadscopereorder = False

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> ByFile:
        """The scheduler for any `--dist`."""
        return ByFile(config, log)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """In the order of FIRST, in each worker alike."""
        if is_worker():
            items.sort(key=rank)


def is_worker() -> bool:
    """Whether this process is one of several that run tests."""
    return "PYTEST_XDIST_WORKER" in os.environ


def rank(item: pytest.Item) -> int:
    """Its folder's place in FIRST."""
    return next((place for place, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), len(FIRST))
