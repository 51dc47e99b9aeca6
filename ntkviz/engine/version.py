"""Which code computes: a fingerprint of the mathematics and of the libraries beneath it.

Results on disk and answers of workers carry it: another version's numbers are never served as this one's.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SHOWING = ("ui", "figures", "engine")  # rooms that no number depends on
LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "scikit-learn", "pandas")


@cache
def code_version() -> str:
    """Twelve hexadecimal digits, equal wherever the same code runs on the same libraries."""
    digest = hashlib.sha256(" ".join(f"{name}={version(name)}" for name in LIBRARIES).encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if name.parts[0] not in SHOWING:
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:12]
