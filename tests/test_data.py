"""Every data set loads at its bounds, repeats by its seed, and holds the targets that its formula says."""

import dataclasses
import math

import numpy as np
import pytest

from ntkviz.data import (
    DATASETS,
    BreastCancer,
    CircleFunction,
    CirclePoints,
    Dataset,
    DataSpec,
    Digits,
    Linear,
    Parity,
    RandomLabels,
    SingleIndex,
    Sphere,
    SphereMix,
    Teacher,
    Wine,
    Xor,
    harmonics,
    labels,
    load,
    zonal,
)
from ntkviz.data.base import rescale
from ntkviz.data.real import rows, split
from ntkviz.data.vectors import LINKS, relu_moments
from ntkviz.errors import InvalidInput
from ntkviz.specs import settings

MANY = {"n": 4000, "dim": 30}


def corners(cls: type[DataSpec]) -> list[DataSpec]:
    """The default, each option of each choice, and each number at its bounds, one at a time."""
    refused = [(Parity, "dim", 2)]  # a parity of three needs three inputs
    specs = [cls()]
    for name, setting in settings(cls).items():
        ends = {
            "choice": setting.options,
            "flag": (False, True),
            "integer": (setting.low, setting.high),
            "real": (setting.low, setting.high),
        }
        specs += [cls(**{name: end}) for end in ends.get(setting.kind, ()) if (cls, name, end) not in refused]
    return specs


def same(one: Dataset, other: Dataset) -> bool:
    return all(np.array_equal(getattr(one, k), getattr(other, k)) for k in ("x", "y", "x_test", "y_test"))


@pytest.mark.parametrize("name", DATASETS)
def test_loads_at_every_bound_with_consistent_shapes_and_finite_numbers(name: str) -> None:
    for spec in corners(DATASETS[name]):
        data = load(spec)
        n, d = data.x.shape
        assert n == spec.n or (n < spec.n and data.warnings)
        assert data.y.shape[0] == n
        assert n >= 2
        assert data.x_test.shape[1] == d
        assert len(data.x_test) >= 40
        assert data.y_test.shape[1] == data.y.shape[1]
        assert data.known or name == "points"
        for array in (data.x, data.y, data.x_test, data.y_test):
            assert array.dtype == np.float64
            assert np.isfinite(array).all()
            assert not array.flags.writeable


@pytest.mark.parametrize("name", DATASETS)
def test_kind_and_task_say_what_the_arrays_hold(name: str) -> None:
    data = load(DATASETS[name]())
    assert data.kind == DATASETS[name].kind
    assert (data.angle is not None) == (data.angle_test is not None) == (data.kind == "circle")
    assert (data.window is not None) == (data.kind == "plane")
    assert (data.image_shape is not None) == (data.kind == "image")
    if data.image_shape:
        assert math.prod(data.image_shape) == data.x.shape[1]
    assert not data.features or len(data.features) == data.x.shape[1]
    match data.task:
        case "regression":
            assert data.classes == ()
        case "binary":
            assert set(data.y.ravel()) <= {-1.0, 1.0}
            assert len(data.classes) == 2
        case "classes":
            assert len(data.classes) == data.y.shape[1]
            assert np.allclose(data.y.sum(axis=1), 0, atol=1e-15)
            assert np.array_equal(labels(data.y), data.label)


@pytest.mark.parametrize("name", DATASETS)
def test_words_are_there_for_the_page(name: str) -> None:
    cls = DATASETS[name]
    assert cls.title
    assert cls.sentence.endswith(".")
    assert all(setting.label for setting in settings(cls).values())
    assert len({cls.title for cls in DATASETS.values()}) == len(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_one_seed_gives_one_data_set(name: str) -> None:
    cls = DATASETS[name]
    noise = {"label_noise": 0.3}
    assert same(load(cls(seed=3, **noise)), load(cls(seed=3, **noise)))
    assert not same(load(cls(seed=3, **noise)), load(cls(seed=4, **noise)))
    assert hash(cls()) == hash(cls())
    assert repr(cls()) == repr(cls())


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "points"])
def test_more_points_contain_the_fewer_and_leave_the_test_set(name: str) -> None:
    options = {"placing": "random"} if name == "circle" else {"scale": "none"}  # equispaced points are not nested
    few, many = load(DATASETS[name](n=20, **options)), load(DATASETS[name](n=60, **options))
    assert np.array_equal(few.x, many.x[:20])
    assert np.array_equal(few.x_test, many.x_test)
    if name != "diabetes":  # its target is standardised by the training points
        assert np.array_equal(few.y, many.y[:20])
        assert np.array_equal(few.y_test, many.y_test)


@pytest.mark.parametrize("cls", [Sphere, Linear, Parity, Digits, Wine])
def test_scaling_uses_the_training_points(cls: type[DataSpec]) -> None:
    raw = load(cls(scale="none", n=100))
    centre, spread = raw.x.mean(axis=0), raw.x.std(axis=0)
    moving = spread > 0
    size = np.abs(raw.x).max()

    centred = load(cls(scale="centre", n=100))
    assert np.abs(centred.x.mean(axis=0)).max() < 1e-14 * size
    assert np.allclose(centred.x_test, raw.x_test - centre, rtol=0, atol=1e-14 * size)

    equal = load(cls(scale="unit", n=100))
    d = raw.x.shape[1]
    for x in (equal.x, equal.x_test):
        assert np.abs(np.sum(x**2, axis=1) / d - 1).max() < 1e-12
    directions = (raw.x_test - centre) / np.linalg.norm(raw.x_test - centre, axis=1, keepdims=True)
    assert np.allclose(equal.x_test / math.sqrt(d), directions, rtol=0, atol=1e-13)

    standard = load(cls(scale="standardise", n=100))
    spread[~moving] = 1.0  # a blank pixel is centred only
    assert np.allclose(standard.x.std(axis=0)[moving], 1, rtol=1e-12)
    assert np.allclose(standard.x_test, (raw.x_test - centre) / spread, rtol=0, atol=1e-12)


def test_a_constant_feature_is_not_blown_up_from_rounding() -> None:
    data = load(Linear(n=100))
    flat = dataclasses.replace(data, x=np.where(np.arange(30) == 7, 0.1, data.x))
    assert flat.x.std(axis=0)[7] > 0  # the mean of equal numbers is off by rounding
    assert np.abs(rescale(flat, "standardise").x[:, 7]).max() < 1e-15


def test_equal_norms_leave_a_point_at_the_centre_and_say_so() -> None:
    pairs = [load(Xor(dim=2, n=2, seed=seed, scale="unit")) for seed in range(40)]
    equal = [pair for pair in pairs if not pair.x.any()]  # both points are one corner of the square, for a quarter
    assert equal
    assert all("2 of the training points" in pair.warnings[0] for pair in equal)
    assert all(not pair.warnings for pair in pairs if pair.x.any())


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in ("digits", "breast_cancer", "wine")])
def test_synthetic_inputs_have_the_size_that_the_networks_expect(name: str) -> None:
    data = load(DATASETS[name]())
    size = np.mean(np.sum(data.x_test**2, axis=1)) / data.x.shape[1]
    assert size == pytest.approx(1, abs=0.15)  # Gaussian inputs and scattered planes vary, the rest is exact


def test_label_noise_replaces_exactly_the_fraction_of_training_labels() -> None:
    for cls in (Xor, Digits, Wine):
        options = {"question": "classes"} if cls is Digits else {}
        clean, noisy = load(cls(n=100, **options)), load(cls(n=100, label_noise=0.3, **options))
        assert np.sum(clean.label != noisy.label) == 30
        assert set(np.unique(noisy.y)) == set(np.unique(clean.y))
        assert np.array_equal(clean.x, noisy.x)
        assert np.array_equal(clean.y_test, noisy.y_test)
    assert np.array_equal(load(Xor(label_noise=1.0)).y, -load(Xor()).y)


def test_noise_on_numbers_has_the_standard_deviation_asked_for() -> None:
    clean, noisy = load(Linear(n=1000)), load(Linear(n=1000, label_noise=0.5))
    difference = (noisy.y - clean.y).ravel()
    assert difference.std() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2000))  # four standard errors
    assert abs(difference.mean()) < 4 * 0.5 / math.sqrt(1000)
    assert np.array_equal(clean.y_test, noisy.y_test)
    assert np.array_equal(clean.x, noisy.x)


def test_circle_function_is_its_sum_of_cosines() -> None:
    data = load(CircleFunction(n=16, terms="1:2, 3:0.5:90"))
    angle = np.arange(16) * 2 * np.pi / 16
    assert np.allclose(data.angle, angle)
    assert np.allclose(data.x, math.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    assert np.allclose(data.y[:, 0], 2 * np.cos(angle) - 0.5 * np.sin(3 * angle), atol=1e-14)
    power = np.abs(np.fft.rfft(data.y_test[:, 0])) / 128  # amplitudes over 256 equispaced angles
    assert len(data.x_test) == 256
    assert np.allclose(power[[1, 3]], [2, 0.5])
    assert np.delete(power, [1, 3]).max() < 1e-13


def test_circle_points_are_where_they_were_placed() -> None:
    spec = CirclePoints(points="0:1, 90:-1, -90:2")
    data = load(spec)
    assert spec.n == 3
    assert np.allclose(data.x, math.sqrt(2) * np.array([[1, 0], [0, 1], [0, -1]]), atol=1e-15)
    assert np.array_equal(data.y, [[1], [-1], [2]])
    assert not data.known
    assert data.y_test.shape == (0, 1)
    assert load(CirclePoints(points="0:1, 360:-1")).warnings
    assert dataclasses.replace(spec, points="0:1, 5:2").n == 2


@pytest.mark.parametrize("points", ["", "0:1", "a:b, 1:2", "0:1:2, 3:4", "0:nan, 1:2", "0:1e9, 1:2", "0 1, 2 3"])
def test_bad_points_are_refused_with_advice(points: str) -> None:
    with pytest.raises(InvalidInput, match=r"0:1, 72:-1|lie between"):
        CirclePoints(points=points)
    with pytest.raises(InvalidInput, match="2 to 64"):
        CirclePoints(points=",".join(f"{i}:1" for i in range(65)))


@pytest.mark.parametrize("terms", ["", "1", "1:x", "1.5:1", "-1:1", "500:1", "1:1e9", "1:1:inf", "1:2:3:4"])
def test_bad_waves_are_refused_with_advice(terms: str) -> None:
    with pytest.raises(InvalidInput, match=r"3:0\.5|must"):
        CircleFunction(terms=terms)


@pytest.mark.parametrize("powers", ["", "1", "0:1", "17:1", "1:-1", "1:nan", "1.5:1", "1:1, 1:1", "1:1:1"])
def test_bad_powers_are_refused_with_advice(powers: str) -> None:
    with pytest.raises(InvalidInput, match=r"as in 1:0\.4|Give"):
        SphereMix(powers=powers)


@pytest.mark.parametrize("dim", [2, 3, 5, 10, 64])
def test_zonal_harmonics_are_orthonormal_on_the_sphere(dim: int) -> None:
    # t = cos θ has the density sin^(d−2) θ; Gauss-Legendre in θ with 400 nodes is exact to rounding for these
    node, weight = np.polynomial.legendre.leggauss(400)
    theta = np.pi * (node + 1) / 2
    measure = weight * np.sin(theta) ** (dim - 2)
    measure /= measure.sum()
    values = np.stack([zonal(np.cos(theta), k, dim) for k in range(17)])
    assert np.allclose((values * measure) @ values.T, np.eye(17), atol=1e-10)


def test_zonal_harmonics_are_cosines_legendre_and_reach_their_dimension_at_the_pole() -> None:
    theta = np.linspace(0, np.pi, 50)
    assert np.allclose(zonal(np.cos(theta), 5, 2), math.sqrt(2) * np.cos(5 * theta))
    legendre = np.polynomial.legendre.Legendre.basis(4)(np.cos(theta))
    assert np.allclose(zonal(np.cos(theta), 4, 3), 3 * legendre)
    for dim in (2, 3, 7):
        total = 0
        for degree in range(8):
            assert zonal(np.ones(1), degree, dim)[0] == pytest.approx(math.sqrt(harmonics(dim, degree)))
            total += harmonics(dim, degree)
            # all polynomials of at most this degree on the sphere
            assert total == math.comb(dim + degree - 1, degree) + (
                math.comb(dim + degree - 2, degree - 1) if degree else 0
            )


def test_sphere_targets_have_unit_variance_and_the_powers_asked_for() -> None:
    data = load(Sphere(n=1000, dim=10, degree=2))
    assert np.allclose(np.sum(data.x**2, axis=1), 10)
    # E y² = 1 by the test above; E y⁴ ≈ 9 for degree 2 gives a standard error of √8/√1000
    assert np.mean(data.y**2) == pytest.approx(1, abs=4 * math.sqrt(8 / 1000))
    one = load(Sphere(dim=8, degree=2, seed=5))
    mix = load(SphereMix(dim=8, powers="2:0.25", seed=5))
    assert np.allclose(mix.y, one.y / 2)


def test_parity_is_a_balanced_product() -> None:
    data = load(Parity(**MANY, order=3))
    assert np.array_equal(np.unique(data.x), [-1, 1])
    assert np.array_equal(data.y[:, 0], data.x[:, 0] * data.x[:, 1] * data.x[:, 2])
    four_errors = 4 / math.sqrt(4000)
    assert abs(data.y.mean()) < four_errors
    assert np.abs(data.x.T @ data.y / 4000).max() < four_errors  # no single input tells the label
    with pytest.raises(InvalidInput, match="dimension of at least 4"):
        Parity(dim=3, order=4)


@pytest.mark.parametrize("inputs", ["signs", "gaussian"])
def test_xor_is_the_sign_of_the_product_of_two_inputs(inputs: str) -> None:
    data = load(Xor(n=1000, inputs=inputs))
    assert np.array_equal(data.y[:, 0], np.sign(data.x[:, 0] * data.x[:, 1]))
    assert abs(data.y.mean()) < 4 / math.sqrt(1000)
    assert load(Xor(dim=2, inputs=inputs)).kind == "plane"


def test_links_have_mean_zero_and_variance_one() -> None:
    node, weight = np.polynomial.legendre.leggauss(200)
    for link in LINKS.values():
        mean = square = 0.0
        for low, high in ((-12, 0), (0, 12)):  # split at the kink of |u|
            u = low + (high - low) * (node + 1) / 2
            density = weight * (high - low) / 2 * np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
            mean += density @ link(u)
            square += density @ link(u) ** 2
        assert mean == pytest.approx(0, abs=1e-12)
        assert square == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("spec", [SingleIndex(n=1000), Linear(n=1000), Teacher(n=1000), Teacher(n=1000, neurons=8)])
def test_numbers_to_predict_are_standardised_over_the_inputs(spec: DataSpec) -> None:
    y = load(spec).y
    assert y.mean() == pytest.approx(0, abs=4 / math.sqrt(1000))
    assert y.var() == pytest.approx(1, abs=4 * math.sqrt(np.var(y**2) / 1000))  # four standard errors, measured


def test_relu_moments_at_known_correlations() -> None:
    assert np.allclose(relu_moments(np.array([1.0, 0.0, -1.0])), [0.5, 1 / (2 * np.pi), 0.0], atol=1e-15)


def test_random_labels_know_nothing() -> None:
    data = load(RandomLabels(n=1000, dim=10))
    assert np.abs(data.x.T @ data.y / 1000).max() < 4 / math.sqrt(1000)
    assert abs(data.y_test.mean()) < 4 / math.sqrt(500)


@pytest.mark.parametrize("name", ["moons", "spirals", "rings"])
def test_planes_have_balanced_separated_classes_in_their_window(name: str) -> None:
    data = load(DATASETS[name](n=500, spread=0.0))
    assert data.y.sum() == 0
    # E|x|²/2 = 1 over 1000 points; |x|²/2 has a standard deviation below 1, so four standard errors are 0.13
    assert np.mean(np.sum(np.concatenate([data.x, data.x_test]) ** 2, axis=1)) / 2 == pytest.approx(1, abs=0.13)
    one, other = data.x[data.y[:, 0] > 0], data.x[data.y[:, 0] < 0]
    gap = np.min(np.linalg.norm(one[:, None] - other[None], axis=-1))
    assert gap > 0.15
    left, right, bottom, top = data.window
    for x in (data.x, data.x_test):
        assert ((x > [left, bottom]) & (x < [right, top])).all()
    grid = data.grid(5)
    assert grid.shape == (25, 2)
    assert np.allclose(grid[[0, -1]], [[left, bottom], [right, top]])


@pytest.mark.parametrize(
    ("question", "positive"),
    [("parity", "02468"), ("zero", "0"), ("0-1", "1"), ("3-8", "8"), ("4-9", "9"), ("classes", None)],
)
def test_digits_carry_the_label_that_the_question_asks_for(question: str, positive: str | None) -> None:
    data = load(Digits(n=1000, question=question, scale="none"))
    everything = rows("digits")
    truth = {row.tobytes(): int(digit) for row, digit in zip(everything.x / 16, everything.target, strict=True)}
    digits = [truth[row.tobytes()] for row in data.x]
    if positive is None:
        assert digits == [int(data.classes[label]) for label in data.label]
        assert data.y.shape == (1000, 10)
    else:
        assert np.array_equal(data.y[:, 0] > 0, [str(digit) in positive for digit in digits])
    assert 0 <= data.x.min() < data.x.max() <= 1
    assert bool(data.warnings) == ("-" in question)


def test_training_and_test_rows_do_not_overlap() -> None:
    train, test, told = split(100, 1000, np.random.default_rng(0))
    assert len(train) == 75
    assert len(test) == 25
    assert sorted([*train, *test]) == list(range(100))
    assert "75 training points" in told[0]


def test_measured_tables_name_their_features_and_classes() -> None:
    assert load(BreastCancer()).classes == ("malignant", "benign")
    assert load(BreastCancer()).features[0] == "mean radius"
    diabetes = load(DATASETS["diabetes"](n=332))
    assert diabetes.y.mean() == pytest.approx(0, abs=1e-12)
    assert diabetes.y.std() == pytest.approx(1, abs=1e-12)
