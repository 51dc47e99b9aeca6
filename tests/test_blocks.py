"""Kernels in pieces are the kernels: by blocks, from a file, as products; within the memory, and never half a file."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkviz.errors import Cancelled, InvalidInput, TooExpensive
from ntkviz.kernels import blocks, empirical_ntk, infinite_ntk
from ntkviz.kernels.blocks import Footprint, in_blocks, write_kernel
from ntkviz.kernels.operator import empirical_operator, infinite_operator, stored_operator
from ntkviz.nets import Architecture, init
from ntkviz.spectra.lanczos import top

RNG = np.random.default_rng(5)
X = RNG.normal(size=(53, 4))
ARCH = Architecture(depth=2, width=16, sigma_b=0.2)
PARAMS = init(ARCH, 4, seed=1)
NTK = np.asarray(infinite_ntk(ARCH, X))


def linear(x1: np.ndarray, x2: np.ndarray | None) -> np.ndarray:
    return x1 @ (x1 if x2 is None else x2).T


@pytest.mark.parametrize("rows", [1, 7, 27, 53, 400])
def test_blocks_of_any_size_are_the_kernel(rows: int) -> None:
    np.testing.assert_allclose(in_blocks(linear, X, rows=rows), X @ X.T, atol=1e-14)  # sums of four


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_infinite_kernels_in_blocks(name: str) -> None:
    """The points of one block are small: alone they would get a shorter series."""
    arch = Architecture(depth=2, activation=name, sigma_b=0.2)
    x = np.concatenate([0.01 * X, 3 * X])
    kernel = in_blocks(blocks.infinite_kernel(arch, x), x, rows=53)
    np.testing.assert_array_equal(kernel, kernel.T)
    # rounding: 1e-12 in a series, whose terms have both signs; a shorter one would be off by 1e-10
    np.testing.assert_allclose(kernel, infinite_ntk(arch, x), rtol=1e-11)


@pytest.mark.parametrize("outputs", [1, 3])
def test_empirical_kernels_in_blocks(outputs: int) -> None:
    arch = Architecture(depth=2, width=16, sigma_b=0.2, outputs=outputs)
    params = init(arch, 4, seed=1)
    kernel = in_blocks(blocks.empirical_kernel(arch, params), X, rows=20)
    np.testing.assert_array_equal(kernel, kernel.T)
    np.testing.assert_allclose(kernel, empirical_ntk(arch, params, X), rtol=1e-12)


def test_a_written_kernel_is_read_back(tmp_path: Path) -> None:
    told: list[float] = []
    path = tmp_path / "made" / "kernel.npy"
    write_kernel(path, linear, X, rows=20, report=told.append)
    np.testing.assert_allclose(np.load(path), X @ X.T, atol=1e-14)
    assert [file.name for file in path.parent.iterdir()] == ["kernel.npy"]
    assert told[0] == 0 and told[-1] == 1 and told == sorted(told)
    write_kernel(path, linear, X, rows=20, dtype=np.float32)
    assert np.load(path).dtype == np.float32


def interrupted(path: Path, after: int, **options: object) -> int:
    """Pairs of blocks that are computed before it is stopped."""
    made = [0]

    def counted(x1: np.ndarray, x2: np.ndarray | None) -> np.ndarray:
        made[0] += 1
        return linear(x1, x2)

    def stop(fraction: float) -> None:
        if made[0] == after:
            raise Cancelled("Stopped.")

    try:
        write_kernel(path, counted, X, rows=20, report=stop, **options)
    except Cancelled:
        assert not path.exists()
    return made[0]


def test_an_interrupted_file_has_another_name_and_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "kernel.npy"
    assert interrupted(path, 2) == 2
    assert interrupted(path, -1) == 4  # of six
    np.testing.assert_allclose(np.load(path), X @ X.T, atol=1e-14)
    assert [file.name for file in tmp_path.iterdir()] == ["kernel.npy"]


def test_another_question_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "kernel.npy"
    interrupted(path, 2)
    assert interrupted(path, -1, label="other") == 6
    path.unlink()
    interrupted(path, 2)
    (tmp_path / "kernel.npy.part.json").write_text("{")
    assert interrupted(path, -1) == 6


def test_a_full_disk_is_noticed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=20_000))
    with pytest.raises(TooExpensive, match="another folder"):
        write_kernel(tmp_path / "kernel.npy", linear, X, rows=20)
    assert not list(tmp_path.iterdir())


@given(
    fixed=st.floats(0, 1e8),
    point=st.floats(1, 1e6),
    pair=st.floats(1, 200),
    megabytes=st.floats(0, 1e4),
    points=st.integers(1, 100_000),
)
def test_the_largest_block_fits_and_a_larger_would_not(
    fixed: float, point: float, pair: float, megabytes: float, points: int
) -> None:
    footprint = Footprint(fixed, point, pair)

    def needed(rows: int) -> float:
        return fixed + rows * point + rows**2 * pair

    try:
        rows = footprint.rows(megabytes, points)
    except TooExpensive:
        assert needed(min(blocks.FEWEST, points)) > (1 - 1e-9) * megabytes * 1e6
        return
    assert 1 <= rows <= points
    assert needed(rows) <= (1 + 1e-9) * megabytes * 1e6
    assert rows in (points, blocks.MOST) or needed(rows + 1) > (1 - 1e-9) * megabytes * 1e6


def test_footprints_grow_with_what_they_hold() -> None:
    wide = Architecture(depth=2, width=2048)
    assert blocks.empirical_footprint(wide, 4, np.float32).rows(200, 20_000) < 2000
    assert blocks.empirical_footprint(ARCH, 4, np.float32).rows(200, 20_000) == 2000
    with pytest.raises(TooExpensive, match="smaller network"):
        blocks.empirical_footprint(wide, 4, np.float64).rows(10, 20_000)
    closed, series = (blocks.infinite_footprint(Architecture(activation=name), 4) for name in ("relu", "tanh"))
    assert series.rows(200, 20_000) < closed.rows(200, 20_000)


@pytest.mark.parametrize("rows", [10, 53, 100])
@pytest.mark.parametrize("outputs", [1, 3])
def test_products_with_the_kernel_of_a_network(outputs: int, rows: int) -> None:
    arch = Architecture(depth=2, width=16, sigma_b=0.2, outputs=outputs)
    params = init(arch, 4, seed=1)
    v = RNG.normal(size=len(X))
    np.testing.assert_allclose(
        empirical_operator(arch, params, X, rows=rows) @ v, empirical_ntk(arch, params, X) @ v, rtol=1e-11, atol=1e-10
    )


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize("rows", [20, 53])
def test_products_with_the_infinite_kernel(name: str, rows: int) -> None:
    arch = Architecture(depth=2, activation=name, sigma_b=0.2)
    v = RNG.normal(size=len(X))
    np.testing.assert_allclose(infinite_operator(arch, X, rows=rows) @ v, infinite_ntk(arch, X) @ v, atol=1e-11)


def test_float32_weights_give_float32_products() -> None:
    narrow = jax.tree.map(lambda w: w.astype(jnp.float32), PARAMS)
    operator, v = empirical_operator(ARCH, narrow, X), RNG.normal(size=len(X))
    exact = empirical_operator(ARCH, PARAMS, X) @ v
    assert operator.dtype == np.float32
    np.testing.assert_allclose(operator @ v, exact, atol=1e-5 * np.abs(exact).max())  # no sign of a ReLU flips here


@pytest.mark.parametrize(
    "operator",
    [
        lambda path: empirical_operator(ARCH, PARAMS, X, rows=20),
        lambda path: infinite_operator(ARCH, X, rows=20),
        lambda path: stored_operator(path),
    ],
    ids=["network", "infinite", "file"],
)
def test_the_largest_eigenvalues_without_the_kernel(operator: Callable, tmp_path: Path) -> None:
    np.save(tmp_path / "kernel.npy", NTK)
    found = top(operator(tmp_path / "kernel.npy"), 5)
    network = operator.__code__.co_names[0] == "empirical_operator"
    whole = np.asarray(empirical_ntk(ARCH, PARAMS, X)) if network else NTK
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(whole)[:-6:-1], rtol=1e-10)


def test_what_is_no_kernel_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "k.npy"
    for array in (np.ones((2, 3)), np.ones(4), np.ones((2, 2), int), np.zeros((0, 0))):
        np.save(path, array)
        with pytest.raises(InvalidInput, match="needed"):
            stored_operator(path)
    path.write_bytes(b"no array")
    for wrong in (path, tmp_path / "missing.npy"):
        with pytest.raises(InvalidInput, match="npy"):
            stored_operator(wrong)
    for x in (X[0], X[:0], np.full((3, 4), np.nan), X[:, :2]):
        with pytest.raises(InvalidInput):
            empirical_operator(ARCH, PARAMS, x)
        with pytest.raises(InvalidInput):
            in_blocks(blocks.empirical_kernel(ARCH, PARAMS), x, rows=2)
    with pytest.raises(InvalidInput, match="each pair"):
        in_blocks(lambda x1, x2: np.ones(3), X, rows=20)


def test_a_kernel_larger_than_the_machine_is_refused_before_it_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten million points are 800 TB; a small machine says it of 53."""
    many = np.zeros((10_000_000, 1))
    one = Architecture(depth=1, width=2)
    for kernel in (
        lambda: infinite_ntk(one, many),
        lambda: empirical_ntk(one, init(one, 1, seed=0), many),
        lambda: in_blocks(linear, many, rows=10),
    ):
        with pytest.raises(TooExpensive, match="into a file by blocks"):
            kernel()
    monkeypatch.setattr("ntkviz.kernels.room.physical", lambda: 8.0 * 53 * 53)
    in_blocks(linear, X, rows=20)
    with pytest.raises(TooExpensive):
        in_blocks(linear, np.concatenate([X, X[:1]]), rows=20)
