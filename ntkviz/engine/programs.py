"""Compiled programs: kept on disk between processes, and let go before a process has too many of them.

Each program that JAX compiles for the CPU keeps some dozen memory maps. Linux gives a process 65,530, and one that
asks for more dies: a server on which a class tries hundreds of shapes would. Programs that were let go come back from
the cache on disk in some milliseconds.
"""

import gc
import os
from pathlib import Path
from threading import Lock

import jax

SHARE = 0.4  # of the maps that the system allows

_lock = Lock()


def cache_folder() -> Path:
    """Where compiled programs and results are kept: NTKVIZ_CACHE."""
    return Path(os.environ.get("NTKVIZ_CACHE") or Path.home() / ".cache" / "ntkviz")


def keep_compilations() -> None:
    """Keep compiled programs on disk: a second start, and a second worker, compiles nothing."""
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def maps() -> int:
    """Memory maps of this process; 0 where the system does not say."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


def allowed() -> int:
    """Memory maps that the system allows a process."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text())
    except (OSError, ValueError):
        return 65530


def make_room(share: float = SHARE) -> bool:
    """Let go of all compiled programs if their maps exceed a share of what is allowed; say whether it was done."""
    with _lock:
        if maps() <= share * allowed():
            return False
        jax.clear_caches()
        gc.collect()
        return True
