"""The warm-up of the server never keeps it from starting."""

import logging

from ntkviz.engine import Engine, Limits
from ntkviz.experiments import spectrum
from ntkviz.ui import server


def test_limits_below_a_default_are_no_reason_to_fail(monkeypatch, caplog):
    monkeypatch.setattr(server, "engine", lambda: Engine(Limits(max_seconds=1e-6)))
    with caplog.at_level(logging.WARNING):
        server._compute(spectrum, spectrum.Spec())
    assert "not warmed up" in caplog.text
