"""Three verbs: `kernel` writes one to a file, `spectrum` prints eigenvalues, `run` prints what an experiment finds.

    python -m ntkviz kernel --data points.npy --depth 3 --out kernel.npy
    python -m ntkviz spectrum --kernel kernel.npy --top 20
    python -m ntkviz run train --preset narrow --set c=1.0 --json

Progress goes to stderr. An error is one sentence there, with exit code 2; after Ctrl-C the code is 130. To add a verb,
add its parser here and its function to `ntkviz.command.verbs`.
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
    """Run one command; the exit code."""
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
        print("The machine has no memory left for this: lower --memory-mb or the number of points.", file=sys.stderr)
        return REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ntkviz", description="The neural tangent kernel without a browser."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    kernel = commands.add_parser("kernel", help="compute a kernel, of any size, into a file")
    kernel.add_argument("--data", nargs="+", required=True, metavar=("SOURCE", "FIELD=VALUE"), help=_sources())
    _network(kernel)
    kernel.add_argument("--out", type=Path, required=True, metavar="FILE.npy", help="goes on where it was stopped")
    kernel.set_defaults(verb=verbs.kernel)

    spectrum = commands.add_parser("spectrum", help="eigenvalues of a kernel")
    source = spectrum.add_mutually_exclusive_group(required=True)
    source.add_argument("--kernel", type=Path, metavar="FILE.npy", help="a kernel that `kernel` has written")
    source.add_argument("--data", nargs="+", metavar=("SOURCE", "FIELD=VALUE"), help=_sources())
    _network(spectrum)
    which = spectrum.add_mutually_exclusive_group()
    which.add_argument("--top", type=int, metavar="K", help="the K largest eigenpairs, from products with the kernel")
    which.add_argument("--density", action="store_true", help="how many lie where, from products with random vectors")
    spectrum.add_argument("--starts", type=int, default=8, metavar="S", help="random vectors of --density (8)")
    spectrum.add_argument("--products", type=int, metavar="M", help="products a start or run (60, 2K + 30)")
    spectrum.add_argument("--out", type=Path, metavar="FILE.npz", help="keep everything, eigenvectors too")
    spectrum.set_defaults(verb=verbs.spectrum)

    run = commands.add_parser("run", help="run an experiment of a lesson")
    run.add_argument("experiment", metavar="EXPERIMENT", help=", ".join(verbs.experiments()))
    run.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="such as arch.width=1024 data=sphere")
    run.add_argument("--preset", metavar="NAME", help="begin with the settings of this preset of its lesson")
    run.add_argument("--json", action="store_true", help="print the findings as a list of JSON objects")
    run.add_argument("--out", type=Path, metavar="FILE.npz", help="keep the result; read it with ntkviz.engine.stored")
    run.set_defaults(verb=verbs.run)
    return parser


def _network(parser: argparse.ArgumentParser) -> None:
    """What says which kernel, in which precision and in how much memory."""
    add_architecture(parser)
    parser.add_argument("--network", action="store_true", help="of one network, in place of infinite width")
    parser.add_argument("--seed", type=_seed, default=0, help="of its weights, and of the random vectors (0)")
    parser.add_argument(
        "--dtype", choices=("float64", "float32"), default="float64", help="of the network, of the file"
    )
    parser.add_argument(
        "--memory-mb",
        type=_positive,
        default=MEMORY,
        metavar="MB",
        help=f"held at once, beside what Python and JAX take ({MEMORY})",
    )


def _seed(word: str) -> int:
    return int(settings(DataSpec)["seed"].check("seed", int(word)))


def _positive(word: str) -> float:
    number = float(word)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(word)
    return number


def _sources() -> str:
    return f"a .npy file of points (N, d), a .csv table, or one of {', '.join(DATASETS)} with its settings"
