"""What whoever watches over a server is told, and what not."""

import json
import logging

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ntkviz.engine import Engine, Limits
from ntkviz.errors import InvalidInput
from ntkviz.experiments import spectrum
from ntkviz.ui import operations


@pytest.fixture
def engine(monkeypatch):
    made = Engine(Limits())
    monkeypatch.setattr(operations, "engine", lambda: made)
    return made


@pytest.fixture
def client(engine):
    return TestClient(Starlette(routes=operations.routes()))


def test_health_is_json_and_never_cached(client):
    answer = client.get("/ntkviz/health")
    assert answer.json() == {
        "status": "ok",
        "trouble": [],
        "workers": 0,
        "waiting": 0,
        "running": 0,
        "warm": False,
    }
    assert answer.headers["cache-control"] == "no-store"


def test_metrics_count_and_name_nobody(client, engine):
    job = engine.submit(spectrum, spectrum.Spec(), session="a-session-of-somebody")
    assert job.wait(60)
    answer = client.get("/ntkviz/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert 'ntkviz_run_seconds_count{experiment="spectrum",where="page"} 1.0' in answer.text
    assert "somebody" not in answer.text


@pytest.fixture
def log():
    made = logging.getLogger("ntkviz")
    before = made.handlers[:], made.level, made.propagate
    yield made
    made.handlers[:], made.level, made.propagate = before


def test_the_log_can_be_read_by_programs(monkeypatch, log, capsys):
    monkeypatch.setenv("NTKVIZ_LOG", "json")
    operations.write_log()
    log.getChild("engine").info("run ended", extra={"event": "run", "seconds": 0.5})
    line = json.loads(capsys.readouterr().err)
    assert {"message": "run ended", "event": "run", "seconds": 0.5, "level": "INFO"}.items() <= line.items()
    assert {"time", "logger"} <= line.keys()


def test_a_log_format_that_there_is_not_is_refused(monkeypatch):
    monkeypatch.setenv("NTKVIZ_LOG", "xml")
    with pytest.raises(InvalidInput, match="NTKVIZ_LOG must be one of text, json"):
        operations.write_log()
