"""Examples in docstrings run, and print what they say."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import ntkviz

SKIPPED = ("ntkviz.ui", "ntkviz.__main__")  # scripts that run when they are imported, or need a page
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MODULES = [
    module.name for module in pkgutil.walk_packages(ntkviz.__path__, "ntkviz.") if not module.name.startswith(SKIPPED)
]


def with_examples(module: ModuleType) -> list[doctest.DocTest]:
    """The docstrings of a module that hold examples."""
    return [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in with_examples(module):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_examples_are_found() -> None:
    """At least where they are known to be, so that the test above cannot pass by finding none."""
    for name in ("ntkviz.spectra.spectrum", "ntkviz.dynamics", "ntkviz.training.recorder"):
        assert with_examples(importlib.import_module(name)), name
