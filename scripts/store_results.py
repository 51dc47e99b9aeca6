"""Make the results that ship with the package: `python -m scripts.store_results`.

The start page shows its first picture from a file, before anything is computed. A test recomputes it and compares.
"""

from ntkviz.engine.stored import SHIPPED, write
from ntkviz.experiments import train

STORED = {"train": train}


def main() -> None:
    for name, experiment in STORED.items():
        path = SHIPPED / f"{name}.npz"
        write(path, experiment.run(experiment.Spec()))
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
