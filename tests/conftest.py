"""What all tests share: where compiled programs are kept, how examples are drawn, the order of the files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Compiled programs outlive a process: the servers and the workers that tests start find what the tests compiled.
# Set before JAX is imported anywhere, and inherited by every child.
os.environ.setdefault("NTKVIZ_CACHE", str(ROOT / ".cache"))
# Pages that a test runs in its own process compute there, and remember nothing; the servers of browser tests are whole.
os.environ["NTKVIZ_WORKERS"] = "0"
os.environ["NTKVIZ_STORE_MEGABYTES"] = "0"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(os.environ["NTKVIZ_CACHE"]) / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

from hypothesis import settings  # noqa: E402  (imports NumPy, and a plugin might import JAX)

# The same examples on every machine; no deadline, since a first call compiles.
settings.register_profile("ntkviz", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ntkviz")


@pytest.fixture(autouse=True)
def few_programs() -> Iterator[None]:
    """A process with too many compiled programs dies: see `ntkviz.engine.programs`."""
    yield
    from ntkviz.engine.programs import make_room

    make_room()


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser goes last: a wrong number shows before a page is opened, and the pages find compiled programs."""
    for item in items:
        if "browser" in item.path.relative_to(ROOT).parts:
            item.add_marker("browser")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
