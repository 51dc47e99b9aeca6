"""Commands: `kernel` writes a kernel to a file, `spectrum` prints eigenvalues, `run` prints what a run finds.

`ledger` prints the verdict on each claim, and `warm` computes before class what a class will ask.

    python -m ntkviz kernel --data points.npy --depth 3 --out kernel.npy
    python -m ntkviz spectrum --kernel kernel.npy --top 20
    python -m ntkviz run train --preset narrow --set c=1.0 --json
    python -m ntkviz ledger --json
    python -m ntkviz warm

Progress goes to stderr. An error is one sentence on stderr, and the exit code is then 2; after Ctrl-C it is 130. To add
a command, add its parser here and its function to `ntkviz.command.verbs`.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from ntkviz.command import verbs
from ntkviz.command.words import add_architecture
from ntkviz.data import DATASETS, DataSpec
from ntkviz.errors import Cancelled, NtkvizError
from ntkviz.specs import settings

REFUSED, INTERRUPTED = 2, 130
MEMORY = 2000  # MB


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        given.verb(given)
    except Cancelled as stopped:
        print(stopped, file=sys.stderr)
        return INTERRUPTED
    except NtkvizError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except OSError as error:
        print(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.", file=sys.stderr)
        return REFUSED
    except MemoryError:
        print(
            "The machine has no memory left for this command; lower --memory-mb or the number of points.",
            file=sys.stderr,
        )
        return REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ntkviz", description="Kernels, spectra and experiments without a browser."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    kernel = commands.add_parser("kernel", help="compute a kernel of any size and write it to a file")
    kernel.add_argument("--data", nargs="+", required=True, metavar=("SOURCE", "FIELD=VALUE"), help=_sources())
    _network(kernel)
    kernel.add_argument(
        "--out", type=Path, required=True, metavar="FILE.npy", help="the file; a stopped command continues in it"
    )
    kernel.set_defaults(verb=verbs.kernel)

    spectrum = commands.add_parser("spectrum", help="print the eigenvalues of a kernel")
    source = spectrum.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--kernel", type=Path, metavar="FILE.npy", help="a kernel that the command `kernel` has written"
    )
    source.add_argument("--data", nargs="+", metavar=("SOURCE", "FIELD=VALUE"), help=_sources())
    _network(spectrum)
    which = spectrum.add_mutually_exclusive_group()
    which.add_argument("--top", type=int, metavar="K", help="the K largest eigenpairs, by Lanczos iteration")
    which.add_argument(
        "--density",
        action="store_true",
        help="how many eigenvalues lie above each size, by stochastic Lanczos quadrature",
    )
    spectrum.add_argument(
        "--starts", type=int, default=8, metavar="S", help="number of random vectors of --density (8)"
    )
    spectrum.add_argument(
        "--products",
        type=int,
        metavar="M",
        help="products with the kernel: for each random vector of --density (60), or for --top (2K + 30)",
    )
    spectrum.add_argument(
        "--out", type=Path, metavar="FILE.npz", help="write everything to this file, eigenvectors included"
    )
    spectrum.set_defaults(verb=verbs.spectrum)

    run = commands.add_parser("run", help="run an experiment of a lesson and print its findings")
    run.add_argument("experiment", metavar="EXPERIMENT", help=", ".join(verbs.experiments()))
    run.add_argument(
        "--set", nargs="+", default=[], metavar="FIELD=VALUE", help="settings, such as arch.width=1024 data=sphere"
    )
    run.add_argument("--preset", metavar="NAME", help="start from the settings of this preset of its lesson")
    run.add_argument("--json", action="store_true", help="print the findings as a list of JSON objects")
    run.add_argument(
        "--out", type=Path, metavar="FILE.npz", help="write the result to this file; ntkviz.engine.stored reads it"
    )
    run.set_defaults(verb=verbs.run)

    ledger = commands.add_parser("ledger", help="print the verdict on each claim, and the numbers that it rests on")
    ledger.add_argument("--json", action="store_true", help="print one JSON object for each claim, as a list")
    ledger.add_argument("--anew", action="store_true", help="compute all findings again, which takes some minutes")
    ledger.set_defaults(verb=verbs.ledger)

    warm = commands.add_parser("warm", help="compute before class what a class will ask first")
    warm.add_argument("--most", type=_count, metavar="RUNS", help="at most so many runs, the most wanted ones first")
    warm.set_defaults(verb=_warm)
    return parser


def _warm(given: argparse.Namespace) -> None:
    from ntkviz.command.warm import warm  # Streamlit takes a second to import, and no other command needs it

    warm(given)


def _network(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose a kernel, its precision and the memory to use."""
    add_architecture(parser)
    parser.add_argument("--network", action="store_true", help="the kernel of one network instead of infinite width")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of the weights and of the random vectors (0)")
    parser.add_argument(
        "--dtype", choices=("float64", "float32"), default="float64", help="precision of the network and of the file"
    )
    parser.add_argument(
        "--memory-mb",
        type=_positive,
        default=MEMORY,
        metavar="MB",
        help=f"memory for points and kernels, beside what Python and JAX need ({MEMORY})",
    )


def _seed(word: str) -> int:
    return int(settings(DataSpec)["seed"].check("seed", int(word)))


def _count(word: str) -> int:
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number


def _positive(word: str) -> float:
    number = float(word)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(word)
    return number


def _sources() -> str:
    return f"a .npy file of points (N, d), a .csv table, or a data set with its settings: {', '.join(DATASETS)}"
