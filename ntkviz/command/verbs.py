"""The commands: each calls the library with what an `argparse.Namespace` says, and prints or writes what it returns."""

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np

import ntkviz.experiments
from ntkviz.activations import activation
from ntkviz.command.watch import Progress, watched
from ntkviz.command.words import architecture, changed, data_set, fields_of
from ntkviz.data import UploadedTable, load, parse_csv
from ntkviz.engine import stored
from ntkviz.engine.limits import spoken
from ntkviz.errors import InvalidInput, TooExpensive
from ntkviz.experiments.protocol import Experiment
from ntkviz.figures.numbers import WrittenFinding, in_words
from ntkviz.kernels import blocks
from ntkviz.kernels.operator import (
    Operator,
    dense_operator,
    empirical_operator,
    infinite_operator,
    stored_operator,
)
from ntkviz.lessons import ledger as claims
from ntkviz.lessons import lesson_of
from ntkviz.nets import Architecture, Params, init
from ntkviz.specs import Spec
from ntkviz.spectra import LARGEST, Spectrum, fit_decay, lanczos
from ntkviz.spectra import spectrum as eigensystem
from ntkviz.writing import counted

SHOWN = 20  # eigenvalues that are printed
Floats = np.ndarray
Found = Spectrum | lanczos.Top | lanczos.Density


def kernel(given: argparse.Namespace) -> None:
    """Write a kernel to a file."""
    _suffix(given.out, ".npy")
    x, arch, params = _inputs(given)
    rows = _footprint(given, arch, x).rows(given.memory_mb, len(x))
    made = _kernel(arch, params, x)
    label = repr((arch, given.network and given.seed))

    def work(report: Progress) -> None:
        blocks.write_kernel(given.out, made, x, rows=rows, dtype=given.dtype, label=label, report=report)

    watched(work)
    print(f"{given.out}: {len(x)} × {len(x)} {given.dtype}")


def spectrum(given: argparse.Namespace) -> None:
    """Print eigenvalues, and write them to a file where `--out` names one."""
    if given.out:
        _suffix(given.out, ".npz")
    work = _from_products if given.top is not None or given.density else _whole
    found: Found = watched(lambda report: work(given, report))
    for line in _lines(found):
        print(line)
    if given.out:
        stored.write(given.out, found)


def run(given: argparse.Namespace) -> None:
    """Run an experiment, print its findings, and write its result to a file where `--out` names one."""
    if given.out:
        _suffix(given.out, ".npz")
    if given.experiment not in experiments():
        raise InvalidInput(f"There is no experiment {given.experiment!r}; choose one of {', '.join(experiments())}.")
    module = importlib.import_module(f"{ntkviz.experiments.__name__}.{given.experiment}")
    experiment = cast("Experiment[Spec, object]", module)
    spec = changed(_start(given, experiment), given.set)
    print(f"{given.experiment}: {spoken(experiment.cost(spec))}", file=sys.stderr)
    result = watched(lambda report: experiment.run(spec, report))
    findings = experiment.findings(result)
    if given.json:
        print(json.dumps([finding.to_json() for finding in findings], ensure_ascii=False, indent=2))
    else:
        for line in _table([in_words(finding) for finding in findings]):
            print(line)
        for remark in experiment.remarks(result):
            print(f"Note: {remark.text}")
    if given.out:
        stored.write(given.out, result)
        print(given.out, file=sys.stderr)


def ledger(given: argparse.Namespace) -> None:
    """Print the verdict on each claim."""
    known = claims.found() if given.anew else cast("claims.Found", stored.shipped("ledger"))
    entries = claims.ledger(known)
    if given.json:
        print(json.dumps([entry.to_json() for entry in entries], ensure_ascii=False, indent=2))
        return
    for entry in entries:
        print(f"{entry.claim.number:2}  {entry.verdict:16}  {entry.claim.words}")


def _start(given: argparse.Namespace, experiment: Experiment[Spec, object]) -> Spec:
    """The settings of the preset that `--preset` names, or the experiment's own defaults."""
    if given.preset is None:
        return experiment.Spec()
    lesson, slot = lesson_of(given.experiment, given.preset)
    spec: Spec = lesson.slots[slot].part(lesson.preset(given.preset).spec)
    return spec


def _table(numbers: list[WrittenFinding]) -> list[str]:
    """One line for each finding: name, value, what is expected, whether it agrees, and its caveat."""
    agreement = {True: "agrees", False: "does not agree", None: ""}
    rows = [(one.label, one.value, one.expected, agreement[one.agrees], one.caveat) for one in numbers]
    wide = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [
        "  ".join(part for part in (f"{name:{wide[0]}}", f"{value:{wide[1]}}", *rest) if part).rstrip()
        for name, value, *rest in rows
    ]


def experiments() -> tuple[str, ...]:
    """The names of all experiments."""
    names = [module.name for module in pkgutil.iter_modules(ntkviz.experiments.__path__)]
    return tuple(name for name in names if name != "protocol")


def _inputs(given: argparse.Namespace) -> tuple[Floats, Architecture, Params | None]:
    """The points, the architecture, and the weights of one network, or None for infinite width."""
    arch = architecture(given)
    x = _points(given)
    if not given.network:
        return x, arch, None
    return x, arch, init(arch, x.shape[1], seed=given.seed, dtype=given.dtype)


def _points(given: argparse.Namespace) -> Floats:
    source, *words = given.data
    path = Path(source)
    if path.suffix not in (".npy", ".csv"):
        spec = data_set(source)(**fields_of(data_set(source), words))
    elif path.suffix == ".csv":
        spec = UploadedTable(table=parse_csv(path.read_bytes(), name=path.name), **fields_of(UploadedTable, words))
    else:
        return _array(path, words, given.memory_mb)
    data = load(spec)
    for warning in data.warnings:
        print(warning, file=sys.stderr)
    return data.x


def _array(path: Path, words: list[str], megabytes: float) -> Floats:
    if words:
        raise InvalidInput(f"A .npy file of points has no settings; leave out {' '.join(words)}.")
    try:
        points = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        raise InvalidInput(f"{path.name} is not a .npy file of numbers; write one with numpy.save.") from None
    if points.ndim != 2 or 0 in points.shape or points.dtype.kind not in "fiub":
        raise InvalidInput(
            f"{path.name} holds {points.dtype} of shape {points.shape}; save numbers (N, d), one row for each point."
        )
    if 8 * points.size > megabytes * blocks.MEGABYTE:
        raise TooExpensive(f"The points take {8 * points.size / blocks.MEGABYTE:.0f} MB; raise --memory-mb above this.")
    x = np.array(points, np.float64)
    if not np.isfinite(x).all():
        rows = np.flatnonzero(~np.isfinite(x).all(axis=1))
        raise InvalidInput(
            f"{path.name} has {counted(len(rows), 'row')} with a number that is not finite, the first of them row "
            f"{rows[0]}; correct them or leave them out."
        )
    return x


def _footprint(given: argparse.Namespace, arch: Architecture, x: Floats) -> blocks.Footprint:
    if given.network:
        return blocks.empirical_footprint(arch, x.shape[1], given.dtype)
    return blocks.infinite_footprint(arch, x.shape[1])


def _kernel(arch: Architecture, params: Params | None, x: Floats) -> blocks.Kernel:
    return blocks.infinite_kernel(arch, x) if params is None else blocks.empirical_kernel(arch, params)


def _whole(given: argparse.Namespace, report: Progress) -> Spectrum:
    if given.kernel:
        stored_operator(given.kernel)  # raises where it is not a kernel
        matrix = np.load(given.kernel, mmap_mode="r")
        _check_size(len(matrix))
        return eigensystem(matrix)
    x, arch, params = _inputs(given)
    _check_size(len(x))
    rows = _footprint(given, arch, x).rows(given.memory_mb, len(x))
    return eigensystem(blocks.in_blocks(_kernel(arch, params, x), x, rows=rows, dtype=given.dtype, report=report))


def _check_size(points: int) -> None:
    """Raise `TooExpensive` where a kernel of so many points is not decomposed as a whole."""
    if points > LARGEST:
        raise TooExpensive(
            f"All eigenvalues are computed for {LARGEST} points at most, not {points}; use --top K or --density."
        )


def _from_products(given: argparse.Namespace, report: Progress) -> lanczos.Top | lanczos.Density:
    operator = stored_operator(given.kernel) if given.kernel else _operator(given)
    options: dict[str, Any] = {"seed": given.seed, "report": report}
    if given.top is not None:
        return lanczos.top(operator, given.top, products=given.products, **options)
    return lanczos.density(operator, starts=given.starts, products=given.products or 60, **options)


def _operator(given: argparse.Namespace) -> Operator:
    """The kernel as a matrix where it fits into the memory, otherwise an operator that computes it for each product."""
    x, arch, params = _inputs(given)
    footprint = _footprint(given, arch, x)
    budget = given.memory_mb * blocks.MEGABYTE - footprint.fixed
    if 2 * np.dtype(given.dtype).itemsize * len(x) ** 2 <= budget:
        rows = footprint.rows(given.memory_mb, len(x))
        return dense_operator(blocks.in_blocks(_kernel(arch, params, x), x, rows=rows, dtype=given.dtype))
    if params is not None:
        rows = int(budget / (2 * footprint.point))
        return empirical_operator(arch, params, x, rows=_at_least_one(rows, given, len(x)))
    most = 400 if activation(arch.activation).dual is not None else blocks.MOST
    rows = int(budget / (footprint.pair * len(x) + footprint.point))
    return infinite_operator(arch, x, rows=min(most, _at_least_one(rows, given, len(x))))


def _at_least_one(rows: int, given: argparse.Namespace, points: int) -> int:
    if rows < 1:
        raise TooExpensive(f"A row of {points} points does not fit into {given.memory_mb:.0f} MB; raise --memory-mb.")
    return min(rows, points)


def _lines(found: Found) -> list[str]:
    if isinstance(found, lanczos.Density):
        return _density_lines(found)
    values = found.eigenvalues
    lines = [f"computed in {found.dtype}, rounding floor {found.floor:.3g}"]
    if isinstance(found, Spectrum):
        fit = fit_decay(values, floor=found.floor)
        lines += [
            f"{len(values)} eigenvalues, {found.below} of them below the floor",
            f"condition number {found.condition_number:.4g}, effective rank {found.effective_rank:.4g}",
        ]
        if fit is not None:
            interval = f"95 % interval {fit.low:.3f} to {fit.high:.3f}"
            lines.append(f"decay i^{fit.exponent:.3f} from {fit.first:.0f} to {fit.last:.0f}, {interval}")
        return lines + [f"{i + 1:6d}  {value:.10g}" for i, value in enumerate(values[:SHOWN])]
    numbered = enumerate(zip(values, found.errors, strict=True))
    return lines + [f"{i + 1:6d}  {value:.10g} ± {max(error, found.floor):.1g}" for i, (value, error) in numbered]


def _density_lines(found: lanczos.Density) -> list[str]:
    largest = float(found.nodes.max())
    trace, error = found.trace
    lines = [
        f"computed in {found.dtype}, rounding floor {found.floor:.3g}",
        f"{found.size} eigenvalues, trace {trace:.5g} ± {error:.1g}, largest {largest:.5g}",
    ]
    threshold = largest / 10
    while threshold > found.floor:
        number, error = found.above(threshold)
        lines.append(f"above {threshold:9.3g}  {number:9.1f} ± {error:.1f}")
        threshold /= 10
    return lines


def _suffix(path: Path, suffix: str) -> None:
    if path.suffix != suffix:
        raise InvalidInput(f"The name of the file must end in {suffix}, and {path.name} does not.")
