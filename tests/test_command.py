"""The command line: it writes what the library computes, errors are one sentence, Ctrl-C leaves nothing half done."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkviz.command import verbs
from ntkviz.command.main import main
from ntkviz.command.words import changed, fields_of
from ntkviz.data import CircleFunction, Digits, Sphere, load
from ntkviz.engine import stored
from ntkviz.errors import InvalidInput
from ntkviz.experiments import lazy, spectrum, train
from ntkviz.figures.numbers import in_words
from ntkviz.findings import Finding, Interval
from ntkviz.kernels import empirical_ntk, infinite_ntk
from ntkviz.lessons import lessons
from ntkviz.nets import ARCHITECTURES, Architecture, ResidualMLP, init
from ntkviz.specs import Spec, flag
from ntkviz.spectra import Spectrum

SPHERE = ["--data", "sphere", "n=40", "dim=3"]
X = load(Sphere(n=40, dim=3)).x


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_kernel_of_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "kernel.npy"
    assert run("kernel", *SPHERE, "--depth", 3, "--sigma-b", "none", "--activation", "erf", "--out", out) == 0
    arch = Architecture(depth=3, sigma_b=None, activation="erf")
    np.testing.assert_allclose(np.load(out), infinite_ntk(arch, X), rtol=1e-14)
    told = capsys.readouterr()
    assert "40 × 40 float64" in told.out
    assert told.err.splitlines()[-1] == "100 %"


def test_a_kernel_of_one_network(tmp_path: Path) -> None:
    out = tmp_path / "kernel.npy"
    assert run("kernel", *SPHERE, "--network", "--width", 32, "--seed", 3, "--dtype", "float32", "--out", out) == 0
    arch = Architecture(width=32)
    kernel = np.load(out)
    assert kernel.dtype == np.float32
    params = init(arch, 3, seed=3, dtype=np.float32)
    np.testing.assert_allclose(kernel, empirical_ntk(arch, params, X.astype(np.float32)), rtol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_kernel_of_any_architecture(name: str, tmp_path: Path) -> None:
    out, digits = tmp_path / "kernel.npy", ["--data", "digits", "n=12"]
    assert run("kernel", *digits, "--architecture", name, "--sigma-b", 0.1, "--out", out) == 0
    arch = ARCHITECTURES[name](sigma_b=0.1)
    np.testing.assert_allclose(np.load(out), infinite_ntk(arch, load(Digits(n=12)).x), rtol=1e-13)


def test_an_architecture_has_settings_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "kernel.npy"
    assert run("kernel", *SPHERE, "--architecture", "residual", "branch=0.5", "layers=one", "--out", out) == 0
    np.testing.assert_allclose(np.load(out), infinite_ntk(ResidualMLP(branch=0.5, layers="one"), X), rtol=1e-13)
    words = ["arch.depth=3", "arch=residual", "arch.branch=0.5"]
    assert changed(train.Spec(), words).arch == ResidualMLP(
        depth=3,
        branch=0.5,
        **{name: getattr(train.ARCHITECTURE, name) for name in ("activation", "sigma_w", "sigma_b")},
    )
    for wrong in (["none"], ["residual", "image=3"], ["conv"]):
        assert run("kernel", *SPHERE, "--architecture", *wrong, "--out", out) == 2
    assert "64 numbers a row, not 3" in capsys.readouterr().err


def test_points_from_files(tmp_path: Path) -> None:
    out, points, table = tmp_path / "kernel.npy", tmp_path / "points.npy", tmp_path / "table.csv"
    np.save(points, X)
    assert run("kernel", "--data", points, "--out", out) == 0
    np.testing.assert_allclose(np.load(out), infinite_ntk(Architecture(), X), rtol=1e-14)
    rows = ["a,b,target", *(f"{a},{b},{a + b}" for a, b, _ in X)]
    table.write_text("\n".join(rows))
    assert run("kernel", "--data", table, "n=20", "target=target", "--out", out) == 0
    assert np.load(out).shape == (20, 20)


@pytest.mark.parametrize("source", ["data", "file"])
def test_a_whole_spectrum(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel, out = tmp_path / "kernel.npy", tmp_path / "spectrum.npz"
    assert run("kernel", *SPHERE, "--out", kernel) == 0
    capsys.readouterr()
    assert run("spectrum", *(SPHERE if source == "data" else ["--kernel", kernel]), "--out", out) == 0
    found = stored.read(out)
    assert isinstance(found, Spectrum)
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(infinite_ntk(Architecture(), X))[::-1], rtol=1e-10)
    told = capsys.readouterr().out
    assert f"rounding floor {found.floor:.3g}" in told
    assert f"{found.eigenvalues[0]:.10g}" in told
    assert f"{len(X) - found.resolved} of them below the floor" in told


@pytest.mark.parametrize(
    "source", [SPHERE, [*SPHERE, "--network", "--width", "32"], ["file"]], ids=["∞", "network", "file"]
)
@pytest.mark.parametrize("how", [["--top", "3"], ["--density", "--starts", "40"]], ids=["top", "density"])
def test_a_spectrum_from_products(source: list[str], how: list[str], tmp_path: Path) -> None:
    kernel, out = tmp_path / "kernel.npy", tmp_path / "found.npz"
    assert run("kernel", *(SPHERE if source == ["file"] else source), "--out", kernel) == 0
    assert run("spectrum", *(["--kernel", kernel] if source == ["file"] else source), *how, "--out", out) == 0
    values, found = np.linalg.eigvalsh(np.load(kernel))[::-1], stored.read(out)
    if "--top" in how:
        np.testing.assert_allclose(found.eigenvalues, values[:3], rtol=1e-9)
    else:
        mean, error = found.trace
        assert abs(mean - values.sum()) < 5 * error


@pytest.mark.parametrize("network", [[], ["--network", "--width", "8"]], ids=["infinite", "network"])
def test_a_kernel_that_does_not_fit_is_not_kept(
    network: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 kB beside the fixed part: a kernel of 40 points and its copy take 26."""
    for name in ("infinite_footprint", "empirical_footprint"):
        monkeypatch.setattr(verbs.blocks, name, lambda *_: verbs.blocks.Footprint(0, 100, 16))
    monkeypatch.setattr(verbs, "dense_operator", lambda kernel: pytest.fail("kept"))
    out = tmp_path / "top.npz"
    assert run("spectrum", *SPHERE, *network, "--top", 3, "--memory-mb", 0.02, "--out", out) == 0
    arch = Architecture(width=8)
    kernel = empirical_ntk(arch, init(arch, 3, seed=0), X) if network else infinite_ntk(Architecture(), X)
    np.testing.assert_allclose(stored.read(out).eigenvalues, np.linalg.eigvalsh(kernel)[:-4:-1], rtol=1e-9)


SMALL = ("data=moons", "data.n=12", "arch.width=16", "arch.activation=erf")


def test_experiments_are_found_and_run(tmp_path: Path) -> None:
    assert {"lazy", "spectrum", "train"} <= set(verbs.experiments())
    assert "protocol" not in verbs.experiments()
    out = tmp_path / "result.npz"
    assert run("run", "spectrum", "--set", *SMALL, "--out", out) == 0
    spec = stored.read(out).spec
    assert (spec.data.n, spec.arch.width, spec.arch.activation) == (12, 16, "erf")


def test_findings_are_printed_as_data_and_nothing_is_written_unless_a_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("run", "spectrum", "--set", *SMALL, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    result = spectrum.run(changed(spectrum.Spec(), SMALL))
    assert told == [json.loads(json.dumps(finding.to_json())) for finding in spectrum.findings(result)]
    assert {"name", "value", "error", "expected", "unit", "claim"} <= told[0].keys()
    assert not list(tmp_path.iterdir())


def test_findings_are_printed_as_a_table_with_notes_below(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "spectrum", "--set", *SMALL) == 0
    told = capsys.readouterr()
    result = spectrum.run(changed(spectrum.Spec(), SMALL))
    findings, notes = spectrum.findings(result), [f"Note: {remark.text}" for remark in spectrum.remarks(result)]
    lines = told.out.splitlines()
    assert lines[len(findings) :] == notes
    column = lines[0].index(in_words(findings[0]).value, len(findings[0].name))
    for line, finding in zip(lines, findings, strict=False):
        assert line.startswith(f"{finding.name} ")
        assert line[column:].startswith(in_words(finding).value)
    assert told.err.startswith("spectrum: ")


def test_a_table_says_what_is_expected_and_whether_it_agrees() -> None:
    law = Interval(-1.1, -0.9, "theory")
    table = verbs._table(
        [
            in_words(Finding("Slope", -1.0, expected=law)),
            in_words(Finding("Late slope", -2.0, error=0.5, over="3 seeds", expected=Interval(-9, -8, "theory"))),
            in_words(Finding("Steps", None, "steps", caveat="The loss did not fall so far.")),
        ]
    )
    assert table == [
        "Slope       −1          expected: −1.1 to −0.9 (theory)  agrees",
        "Late slope  −2.0 ± 0.5  expected: −9 to −8 (theory); standard error over 3 seeds  does not agree",
        "Steps       –           The loss did not fall so far.",
    ]
    assert verbs._table([]) == []


PRESETS = [(lesson, preset) for lesson in lessons().values() for preset in lesson.presets]


@pytest.mark.parametrize(
    ("lesson", "preset"), PRESETS, ids=[f"{lesson.name}/{preset.key}" for lesson, preset in PRESETS]
)
def test_a_run_starts_from_the_preset_that_is_named_and_then_changes_it(lesson: Any, preset: Any) -> None:
    for slot in lesson.slots.values():
        name = slot.experiment.__name__.rpartition(".")[2]
        given = argparse.Namespace(experiment=name, preset=preset.key)
        assert verbs._start(given, slot.experiment) == slot.part(preset.spec)
        given.preset = None
        assert verbs._start(given, slot.experiment) == slot.experiment.Spec()


def test_settings_come_on_top_of_a_preset(tmp_path: Path) -> None:
    lesson = lessons()["spectrum"]
    preset, out = lesson.presets[-1], tmp_path / "result.npz"
    assert run("run", "spectrum", "--preset", preset.key, "--set", "arch.width=16", "data.n=16", "--out", out) == 0
    wanted = lesson.slots["a"].part(preset.spec)
    assert stored.read(out).spec == changed(wanted, ["arch.width=16", "data.n=16"])


@dataclass(frozen=True, kw_only=True)
class Shown(Spec):
    shown: bool = flag(True, label="Shown")


def test_words_are_read_as_the_specs_say() -> None:
    assert fields_of(Sphere, ["n=7", "label_noise=0.5", "scale=unit"]) == {"n": 7, "label_noise": 0.5, "scale": "unit"}
    assert changed(spectrum.Spec(), ["arch.sigma_b=none", "data=digits", "data.n=9"]) == spectrum.Spec(
        arch=Architecture(depth=2, width=512, sigma_b=None), data=Digits(n=9)
    )
    assert changed(Shown(), ["shown=no"]).shown is False
    with pytest.raises(InvalidInput, match="true or false"):
        changed(Shown(), ["shown=perhaps"])
    assert changed(lazy.Spec(), []) == lazy.Spec()
    for wrong, words in (
        (["n"], "FIELD=VALUE"),
        (["m=3"], "not a setting"),
        (["n=many"], "whole number"),
        (["label_noise=loud"], "a number"),
    ):
        with pytest.raises(InvalidInput, match=words):
            fields_of(CircleFunction, wrong)
    for word, words in (
        ("c", "FIELD=VALUE"),
        ("arch.heigth=3", "no setting arch.heigth"),
        ("data=nowhere", "no data set"),
        ("arch=3", "no architecture"),
        ("arch.width.x=3", "no setting"),
    ):
        with pytest.raises(InvalidInput, match=words):
            changed(train.Spec(), [word])


def refused(tmp_path: Path) -> list[tuple[list[str], str]]:
    names = ("flat", "nan", "words", "empty", "rectangle", "large")
    files = {name: str(tmp_path / f"{name}.npy") for name in names}
    np.save(files["flat"], np.ones(4))
    np.save(files["nan"], np.where(np.eye(3) > 0, np.nan, 1.0))
    np.save(files["words"], np.array([["a"]]))
    Path(files["empty"]).write_bytes(b"")
    np.save(files["rectangle"], np.ones((2, 3)))
    np.lib.format.open_memmap(files["large"], mode="w+", shape=(4001, 4001), dtype=np.float32)  # a hole, not 64 MB
    out = ["--out", str(tmp_path / "out.npy")]
    return [
        (["kernel", "--data", "sphere", "n=1", *out], "between 2 and"),
        (["kernel", "--data", "sphere", "n=x", *out], "whole number"),
        (["kernel", "--data", "nowhere", *out], "no data set"),
        (["kernel", "--data", str(tmp_path / "missing.npy"), *out], "cannot be used"),
        (["kernel", "--data", files["flat"], *out], "one row for each point"),
        (["kernel", "--data", files["nan"], *out], "3 rows with a number that is not finite, the first of them row 0"),
        (["kernel", "--data", files["words"], *out], "one row for each point"),
        (["kernel", "--data", files["empty"], *out], "numpy.save"),
        (["kernel", "--data", files["rectangle"], "n=3", *out], "no settings"),
        (["kernel", *SPHERE, "--out", str(tmp_path / "out.npz")], "end in .npy"),
        (["kernel", *SPHERE, "--depth", "0", *out], "Depth"),
        (["kernel", *SPHERE, "--width", "wide", *out], "whole number"),
        (["kernel", *SPHERE, "--activation", "nope", *out], "no activation"),
        (["kernel", *SPHERE, "--network", "--memory-mb", "0.001", *out], "allow"),
        (["kernel", "--data", files["rectangle"], "--memory-mb", "0.00001", *out], "raise --memory-mb"),
        (["kernel", *SPHERE, "--sigma-w", "10", "--depth", "256", *out], "overflows"),
        (["spectrum", "--kernel", files["rectangle"]], "N, N"),
        (["spectrum", "--kernel", files["large"]], "--top"),
        (["spectrum", *SPHERE, "--top", "41"], "eigenpairs"),
        (["spectrum", *SPHERE, "--density", "--starts", "0"], "at least one"),
        (["spectrum", *SPHERE, "--out", str(tmp_path / "s.npy")], "end in .npz"),
        (["run", "nothing", "--out", str(tmp_path / "r.npz")], "no experiment"),
        (["run", "train", "--preset", "nowhere"], "choose one of"),
        (["run", "neurons", "--preset", "any"], "no presets"),
        (["run", "train", "--out", str(tmp_path / "r.npy")], "end in .npz"),
        (["run", "train", "--set", "c=9", "--out", str(tmp_path / "r.npz")], "between"),
    ]


def test_errors_are_one_sentence_and_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, sentence in refused(tmp_path):
        assert run(*words) == 2, words
        told = capsys.readouterr()
        assert told.out == ""
        (line,) = [line for line in told.err.splitlines() if not line.endswith("%")]
        assert sentence in line
    assert not (tmp_path / "out.npy").exists()


@pytest.mark.parametrize(
    "words", [[], ["kernel"], ["spectrum"], ["run"], ["kernel", *SPHERE, "--out", "a.npy", "--seed", "-1"]]
)
def test_a_command_that_is_none_ends_with_code_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_ctrl_c_ends_it_between_two_blocks_and_the_same_command_goes_on(root: Path, tmp_path: Path) -> None:
    points, out = tmp_path / "points.npy", tmp_path / "kernel.npy"
    np.save(points, np.random.default_rng(0).normal(size=(1500, 3)))
    words = [
        "kernel",
        "--data",
        points,
        "--depth",
        "30",
        "--memory-mb",
        "20.2",
        "--out",
        out,
    ]  # 361 blocks of 83 points
    started = subprocess.Popen(
        [sys.executable, "-m", "ntkviz", *map(str, words)], cwd=root, stderr=subprocess.PIPE, env=os.environ, text=True
    )
    log = tmp_path / "kernel.npy.part.json"
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    told = started.communicate(timeout=60)[1]
    assert started.returncode == 130
    assert told.splitlines()[-1] == "Stopped."
    assert not out.exists()
    assert run(*words) == 0
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["kernel.npy", "points.npy"]
    few = np.r_[0:3, 80:90, 1495:1500]
    x = np.load(points)[few]
    np.testing.assert_allclose(np.load(out)[np.ix_(few, few)], infinite_ntk(Architecture(depth=30), x), rtol=1e-12)
