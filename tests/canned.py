"""Results that tests share: made once, and kept on disk until the code that makes them changes."""

from functools import cache
from types import ModuleType
from typing import Any

from ntkviz.engine import Store
from ntkviz.engine.programs import cache_folder

LIMIT = 2e9  # bytes


@cache
def canned(experiment: ModuleType, spec: Any) -> Any:
    """The result of an experiment at this spec."""
    store = Store(cache_folder() / "canned", LIMIT)
    found = store.get(experiment, spec)
    if found is None:
        found = experiment.run(spec)
        store.put(experiment, spec, found)
    return found
