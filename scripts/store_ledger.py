"""Make the findings that the ledger shows: `python -m scripts.store_ledger`. It takes some minutes.

A test computes the same findings again and compares the verdicts.
"""

import sys
import time

from ntkviz.engine.stored import SHIPPED, write
from ntkviz.lessons.ledger import found


def main() -> None:
    began = time.monotonic()
    path = SHIPPED / "ledger.npz"
    write(path, found())
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB in {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
