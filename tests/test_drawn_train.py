"""What “Train and predict” draws of modes and loss, against the result and other routes; what is hidden at first."""

from dataclasses import replace

import numpy as np
import pytest

from ntkviz.comparison import outputs_in_words, rates_in_words, steps_in_words
from ntkviz.experiments import train
from ntkviz.figures import theme
from ntkviz.figures.train import view
from tests.drawn import chart, drawn, names
from tests.trained import (
    BALL,
    CATAPULT,
    DIVERGED,
    FIRST,
    MOONS,
    POINTS,
    SHORT,
    TABLES,
    WAVES,
    WINES,
    axis,
    ends,
    factors,
    first_loss,
    found,
    loss_of,
    measured_steps,
    on_circle,
    seen,
    stepwise,
    theory_steps,
    waves_left,
)

pytestmark = pytest.mark.drawn

BLUE, ORANGE = theme.THEORY.color, theme.FINITE.color

# The slider


def test_the_slider_moves_along_the_recorded_steps_and_starts_in_the_middle() -> None:
    of, steps = seen(FIRST), found(FIRST).theory.steps
    assert of.scrub.label == "step k"
    np.testing.assert_array_equal(of.scrub.values, steps)
    assert of.scrub.start == len(steps) // 2 and of.scrub.play
    assert [one.name for one in of.charts] == ["function", "modes", "loss"]
    for name in ("modes", "loss"):
        np.testing.assert_allclose(chart(of, name).cursor, np.maximum(steps, 0.5))


# The modes


def test_the_modes_of_theory_are_powers_of_their_factor() -> None:
    of, result = seen(FIRST), found(FIRST)
    steps, eta = result.theory.steps, factors(FIRST)
    order = sorted(WAVES, key=lambda k: -eta[k])
    assert names(of, "modes") == [f"frequency {k}{what}" for k in order for what in (": gradient flow", "", ": theory")]
    for i, k in enumerate(order):
        theory = drawn(of, "modes", f"frequency {k}: theory")
        flow = drawn(of, "modes", f"frequency {k}: gradient flow")
        np.testing.assert_allclose(theory.y[0], np.abs(1 - eta[k]) ** steps, rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose(flow.y[0], np.exp(-eta[k] * steps), rtol=1e-4, atol=1e-12)
        assert theory.meaning == theme.THEORY.name and flow.meaning == f"frequency {k}: gradient flow"
        for curve, dash in ((theory, "dash"), (flow, "dot"), (drawn(of, "modes", f"frequency {k}"), "solid")):
            np.testing.assert_allclose(curve.x[0], np.maximum(steps, 0.5))
            assert (curve.trace.line.dash, curve.trace.line.color) == (dash, theme.HUES[i])
            assert curve.answer
            assert curve.trace.legendgroup == f"frequency {k}"
            assert curve.trace.hovertemplate.startswith(f"frequency {k}, λ = ")
            value = float(curve.trace.hovertemplate.split("λ = ")[1].split("<")[0])
            assert value == pytest.approx(eta[k] / result.theory.eta, rel=0.01)
    assert not {ORANGE, BLUE} & set(theme.HUES), "these two mean network and theory"


def test_the_modes_of_the_network_are_those_of_its_outputs() -> None:
    of, result = seen(FIRST), found(FIRST)
    left = waves_left(result)
    for k in WAVES:
        network = drawn(of, "modes", f"frequency {k}")
        np.testing.assert_allclose(network.y[0], left[:, k], atol=2e-5)
        assert network.meaning == "network" and network.trace.showlegend is not False
        assert not drawn(of, "modes", f"frequency {k}: theory").trace.showlegend
        assert not drawn(of, "modes", f"frequency {k}: gradient flow").trace.showlegend


def test_the_axes_of_the_modes_and_the_loss_go_along_the_steps() -> None:
    for name, y in (("modes", "what is left of each mode"), ("loss", "loss ½ ‖f − y‖²")):
        of = seen(FIRST)
        assert axis(of, name, "xaxis").title.text == "step k" and axis(of, name, "yaxis").title.text == y
        assert axis(of, name, "xaxis").type == axis(of, name, "yaxis").type == "log"
        np.testing.assert_allclose(ends(of, name, "xaxis"), [0.5 / 1.3, 500 * 1.3])
    np.testing.assert_allclose(ends(of, "modes", "yaxis"), [1e-3 / 1.3, 1.2 * 1.3])
    np.testing.assert_allclose(ends(seen(CATAPULT), "modes", "yaxis"), [1e-3 / 1.3, 30 * 1.3])
    assert not chart(of, "modes").layout_answer


# The loss


def test_the_losses_of_theory_and_network() -> None:
    of, result = seen(FIRST), found(FIRST)
    y, y_test = result.theory.data.y[:, 0], result.theory.data.y_test[:, 0]
    f_train, f = stepwise(FIRST)
    expected = {
        "network": (loss_of(on_circle(result.network.curves.f), y), theme.FINITE),
        "network, test points": (loss_of(result.network.curves.f[:, :, 0], y_test), theme.FINITE),
        "theory (infinite width)": (loss_of(f_train[:, :, 0], y), theme.THEORY),
        "theory (infinite width), test points": (loss_of(f[:, :, 0], y_test), theme.THEORY),
    }
    dots = [f"{name}: 1 %" for name in ("network", "theory (infinite width)")]
    assert names(of, "loss") == [*expected, *dots, "wanted loss"]
    for name, (loss, meaning) in expected.items():
        curve = drawn(of, "loss", name)
        np.testing.assert_allclose(curve.x[0], np.maximum(result.theory.steps, 0.5))
        np.testing.assert_allclose(curve.y[0], loss, rtol=2e-3, atol=1e-7)
        assert (curve.meaning, curve.trace.line.color, curve.answer) == (meaning.name, meaning.color, True)
        thick = drawn(of, "loss", name.removesuffix(", test points")).trace.line.width
        assert (curve.trace.line.width < thick) == name.endswith("test points")


def test_the_dots_stand_where_the_loss_is_what_was_asked_for() -> None:
    of, first = seen(FIRST), first_loss(FIRST)
    first = first_loss(FIRST)
    network, theory = drawn(of, "loss", "network: 1 %"), drawn(of, "loss", "theory (infinite width): 1 %")
    assert network.x[0, 0] == pytest.approx(measured_steps(FIRST, 0.01), rel=1e-3)
    assert theory.x[0, 0] == theory_steps(FIRST, 0.01)
    for dot, color in ((network, ORANGE), (theory, BLUE)):
        assert dot.y[0, 0] == pytest.approx(0.01 * first) and dot.answer
        assert (dot.trace.marker.color, dot.trace.mode) == (color, "markers")
    level = drawn(of, "loss", "wanted loss")
    np.testing.assert_allclose(level.y[0], 0.01 * first)
    np.testing.assert_allclose(level.x[0], [0.5, 500])
    assert not level.answer


def test_a_dot_is_left_out_where_the_loss_is_not_reached_within_the_steps() -> None:
    assert [name for name in names(seen(SHORT), "loss") if ":" in name] == []
    last = replace(found(FIRST), theory=replace(found(FIRST).theory, reached=500.0))
    assert "theory (infinite width): 1 %" in names(view(last), "loss")


def test_the_loss_axis_knows_nothing_before_the_guess_and_holds_everything_after_it() -> None:
    of, result = seen(FIRST), found(FIRST)
    first = 0.5 * np.mean(result.theory.data.y**2)
    np.testing.assert_allclose(ends(of, "loss", "yaxis"), [0.01 * first / 1.3, first * 1.3])
    least = min(result.network.curves.loss.min(), result.theory.curves.loss.min())
    np.testing.assert_allclose(ends(of, "loss", "yaxis", after=True), [least / 1.3, first * 1.3])
    half = replace(found(SHORT), theory=replace(found(SHORT).theory, fraction=0.5))
    np.testing.assert_allclose(ends(view(half), "loss", "yaxis")[0], first / 30 / 1.3)
    deep = replace(result.theory.curves, loss=result.theory.curves.loss**4)
    deep = replace(result, theory=replace(result.theory, curves=deep))
    assert ends(view(deep), "loss", "yaxis", after=True)[0] == pytest.approx(1e-6 * first**4 / 1.3, rel=1e-3)


def test_past_the_limit_theory_is_known_and_the_axes_hold_what_the_network_does() -> None:
    of, result = seen(CATAPULT), found(CATAPULT)
    first = 0.5 * np.mean(result.theory.data.y**2)
    for name, trace in (("loss", "theory (infinite width)"), ("function", "theory (infinite width)")):
        assert not drawn(of, name, trace).answer and drawn(of, name, "network").answer
    for k in WAVES:
        assert not drawn(of, "modes", f"frequency {k}: theory").answer
        assert drawn(of, "modes", f"frequency {k}: theory").trace.showlegend
        assert not drawn(of, "modes", f"frequency {k}: gradient flow").answer
        assert drawn(of, "modes", f"frequency {k}").answer
    assert not drawn(of, "loss", "theory (infinite width), test points").answer
    np.testing.assert_allclose(ends(of, "loss", "yaxis"), [0.01 * first / 1.3, 30 * first * 1.3])
    assert ends(of, "loss", "yaxis", after=True)[1] == pytest.approx(
        1.3 * max(30 * first, found(CATAPULT).peak * first)
    )
    assert ends(of, "loss", "yaxis", after=True)[1] < 1e4
    grown = drawn(of, "loss", "theory (infinite width)").y[0]
    assert np.isfinite(grown).all() and grown.max() == pytest.approx(1e30)
    outputs = drawn(of, "function", "theory (infinite width)").y
    assert np.abs(outputs).max() == pytest.approx(100 * np.abs(result.theory.data.y).max())


def test_theory_is_known_from_the_limit_on() -> None:
    """c = 2 is the limit itself, at which the closed form does not converge either."""
    at = replace(found(FIRST), spec=replace(FIRST, c=2.0), theory=replace(found(FIRST).theory, c=2.0))
    for name, known in (
        ("function", ["theory (infinite width)"]),
        ("modes", [f"frequency {k}: {what}" for k in WAVES for what in ("theory", "gradient flow")]),
        ("loss", ["theory (infinite width)", "theory (infinite width), test points"]),
    ):
        assert not any(drawn(view(at), name, trace).answer for trace in known)
    assert "by −1.00: it does not converge" in train.remarks(at)[0].text


def test_a_network_that_diverged_ends_early() -> None:
    of, result = seen(DIVERGED), found(DIVERGED)
    count = len(result.network.curves.loss)
    assert count < len(result.theory.steps)
    network = drawn(of, "function", "network").y
    assert np.isfinite(network[:count]).all() and np.isnan(network[count:]).all()
    for name, trace in (("loss", "network"), ("loss", "network, test points"), ("modes", "frequency 1")):
        curve = drawn(of, name, trace)
        assert len(curve.x[0]) == len(curve.y[0]) == count


def test_a_run_that_has_not_begun_shows_theory_alone() -> None:
    empty = replace(found(FIRST), network=None)
    of = view(empty)
    assert np.isnan(drawn(of, "function", "network").y).all()
    assert len(drawn(of, "loss", "network").y[0]) == len(drawn(of, "modes", "frequency 1").y[0]) == 0
    assert len(drawn(of, "loss", "network, test points").y[0]) == 0
    assert "network, test points" not in names(view(replace(found(POINTS), network=None)), "loss")
    theory = [drawn(each, "loss", "theory (infinite width)").y for each in (of, seen(FIRST))]
    np.testing.assert_array_equal(*theory)
    assert [name for name in names(of, "loss") if ":" in name] == ["theory (infinite width): 1 %"]


# Words and what is hidden


def test_the_words_of_the_charts() -> None:
    of, result = seen(FIRST), found(FIRST)
    function, modes, loss = (chart(of, name) for name in ("function", "modes", "loss"))
    assert function.alt_answer.endswith(outputs_in_words(result))
    assert modes.alt_answer.endswith(rates_in_words(result))
    assert loss.alt_answer.endswith(steps_in_words(result))
    for one in (loss.alt, loss.prompt, loss.prompt_answer):
        assert "1 % of" in one
    tenth = chart(view(replace(result, spec=replace(FIRST, fraction=0.1))), "loss")
    assert "10 % of" in tenth.alt and "10 % of" in tenth.prompt and "10 % of" in tenth.prompt_answer
    assert chart(seen(MOONS), "surface").alt_answer.endswith(outputs_in_words(found(MOONS)))
    assert "border between the classes" in chart(seen(MOONS), "surface").prompt_answer
    assert chart(seen(BALL), "agreement").alt_answer.endswith(outputs_in_words(found(BALL)))


def visible(result: train.Result) -> list:
    """Everything of a view that is displayed before the guess."""
    kept = []
    of = view(result)
    for one in of.charts:
        layout = {name: value for name, value in one.figure.layout.to_plotly_json().items() if name != "template"}
        kept += [one.name, one.alt, one.prompt, repr(layout), None if one.cursor is None else one.cursor.tolist()]
        for trace in one.figure.data:
            if trace.name not in one.answers:
                kept += [
                    repr(trace.to_plotly_json()),
                    repr({k: v.tolist() for k, v in one.frames.get(trace.name, {}).items()}),
                ]
    kept += [repr(finding) for finding in train.findings(result) if not finding.answer]
    return [
        *kept,
        *(remark.text for remark in train.remarks(result) if not remark.answer),
        of.scrub.values.tolist(),
        of.scrub.start,
    ]


@pytest.mark.parametrize("spec", [FIRST, CATAPULT, MOONS, TABLES[2, "three"], TABLES[2, "numbers"], WINES], ids=str)
def test_nothing_that_is_seen_before_the_guess_depends_on_the_network(spec: train.Spec) -> None:
    result = found(spec)
    network = result.network
    other = replace(
        network,
        curves=replace(
            network.curves, loss=network.curves.loss**2, modes=network.curves.modes**2, f=-2 * network.curves.f
        ),
        lambda_max=2 * network.lambda_max,
        lambda_end=1.0,
        drift=5.0,
        movement=3.0,
    )
    assert visible(replace(result, network=other)) == visible(result) == visible(replace(result, network=None))


def test_below_the_limit_theory_is_hidden_too() -> None:
    """The steps are what the class is to guess: another theory with the same data looks the same."""
    result, theory = found(FIRST), found(FIRST).theory
    curves = replace(theory.curves, loss=theory.curves.loss.copy(), modes=theory.curves.modes**2, f=2 * theory.curves.f)
    curves.loss[1:] *= 0.5
    other = replace(theory, curves=curves, flow=theory.flow**2, reached=7.0, bound=9)
    assert visible(replace(result, theory=other)) == visible(result)
