"""Make the results that come with the package: `python -m scripts.store_results`.

The start page draws its first picture from such a file, before anything is computed. A test computes the same result
again and compares the two.
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
