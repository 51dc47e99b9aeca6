"""Compiled programs: cached on disk between processes, and dropped before a process has too many of them.

Each program that JAX compiles for the CPU keeps some dozen memory maps. Linux allows a process 65,530 and ends one
that asks for more, such as a server on which a class tries hundreds of shapes. Programs that were dropped are loaded
from the cache on disk again, which takes some milliseconds.
"""

import gc
import os
from pathlib import Path
from threading import Event, Lock
from typing import Any

import jax

MAX_SHARE = 0.4  # of the memory maps that the system allows

BEGINS = "/jax/compilation_cache/compile_requests_use_cache"  # JAX's event before it compiles or loads a program
ENDS = "/jax/core/compile/backend_compile_duration"  # and the one after it

_lock = Lock()
_compiling = Event()


def cache_folder() -> Path:
    """The folder of compiled programs and of results: NTKVIZ_CACHE, or a folder below the user's own."""
    return Path(os.environ.get("NTKVIZ_CACHE") or Path.home() / ".cache" / "ntkviz")


def keep_compilations() -> None:
    """Cache compiled programs on disk, so that a second start and a second worker compile nothing."""
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.monitoring.register_event_listener(_began)
    jax.monitoring.register_event_duration_secs_listener(_ended)


def _began(event: str, **about: Any) -> None:
    if event == BEGINS:
        _compiling.set()


def _ended(event: str, duration_secs: float, **about: Any) -> None:
    if event == ENDS:
        _compiling.clear()


def is_compiling() -> bool:
    """Whether a program is being compiled in this process, which must have called `keep_compilations`."""
    return _compiling.is_set()


def memory_maps() -> int:
    """The number of memory maps of this process; 0 where the system does not say."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


def allowed_memory_maps() -> int:
    """The number of memory maps that the system allows a process."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text())
    except (OSError, ValueError):
        return 65530


def make_room(share: float = MAX_SHARE) -> bool:
    """Drop all compiled programs if memory maps exceed a share of those allowed; whether it was done."""
    with _lock:
        if memory_maps() <= share * allowed_memory_maps():
            return False
        jax.clear_caches()
        gc.collect()
        return True
