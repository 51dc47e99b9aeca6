"""Workers: real processes that run, stop, die, outgrow their memory and come back.

One cluster of two workers serves the file; a test that breaks something waits until it is whole again.
"""

import json
import os
import shlex
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import yaml

from ntkviz.engine import Engine, Limits, Pool, worker
from ntkviz.engine import pool as pool_module
from ntkviz.errors import Cancelled, Diverged, NtkvizError, TooExpensive
from ntkviz.experiments import train
from tests import cases
from tests.browser.server import free_port
from tests.cases import Spec

WAIT = 60.0  # seconds: a busy machine starts a worker in about ten
WORKER_MEGABYTES = 900.0


@pytest.fixture(scope="module")
def running():
    engine = Engine(Limits(), pool=Pool(2, WORKER_MEGABYTES))
    yield engine
    engine.close()


@pytest.fixture
def engine(running):
    wait_for(lambda: running.pool.ready and running.pool.slots == 2)
    return running


def wait_for(condition, seconds=WAIT):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def ask(engine, session="a", experiment=cases, **settings):
    return engine.submit(experiment, Spec(**settings), session=session)


def ended(job):
    assert job.wait(WAIT)
    return job


def under_way(job):
    wait_for(lambda: job.picture is not None)
    return job


def test_the_cluster_listens_to_this_machine_alone(engine):
    cluster = psutil.Process(engine.pool._cluster.pid)
    family = [cluster, *cluster.children(recursive=True)]
    heard = [c.laddr.ip for one in family for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert heard
    assert set(heard) == {"127.0.0.1"}


def test_a_long_run_goes_out_and_a_short_one_stays_here_once_its_programs_are_compiled(engine):
    here = psutil.Process().pid
    assert ended(ask(engine, cost=5.0, value=2)).result[0] != here
    assert ended(ask(engine, cost=0.05, seconds=0.1, value=3)).result[0] != here
    assert ended(ask(engine, cost=0.05, seconds=0.15, value=3)).result[0] == here  # the same but for a real number
    assert ended(ask(engine, cost=0.05, seconds=0.15, value=4)).result[0] != here


def test_in_a_crowd_short_runs_go_out_too(engine, monkeypatch):
    here = psutil.Process().pid
    ended(ask(engine, cost=0.06, seconds=0.1, value=5))  # its programs are compiled now
    monkeypatch.setattr(engine._lanes, "_is_crowded", lambda: True)
    assert ended(ask(engine, cost=0.06, seconds=0.15, value=5)).result[0] != here
    monkeypatch.setattr(engine._lanes, "_is_crowded", lambda: False)
    assert ended(ask(engine, cost=0.06, seconds=0.2, value=5)).result[0] == here


def test_what_is_shown_is_drawn_where_the_run_goes_on(engine, monkeypatch):
    monkeypatch.setattr(engine, "_draw", cases.draw)
    job = under_way(ask(engine, seconds=1.0, value=6))
    part = job.picture
    pid, values = ended(job).result
    assert part == ("tests.cases", pid, 0.0)
    assert job.picture == ("tests.cases", pid, 18.0)
    assert values.sum() == 18.0


def test_a_worker_is_polite_and_computes_what_this_process_would(engine):
    pid, values = ended(ask(engine, value=4)).result
    assert psutil.Process(pid).nice() == psutil.Process().nice() + worker.NICENESS
    np.testing.assert_array_equal(values, 4.0)
    spec = train.Spec(steps=50)
    out = ended(engine.submit(train, spec, session="a")).result
    np.testing.assert_array_equal(out.network.curves.loss, train.run(spec).network.curves.loss)


def test_the_same_question_of_many_sessions_is_one_run_even_by_way_of_two_servers(engine):
    address = engine.pool._client.scheduler.address
    other = Engine(Limits(), pool=Pool(0, WORKER_MEGABYTES, address))
    wait_for(lambda: other.pool.ready)
    jobs = [ask(server, session=str(i), seconds=2.0, value=5) for server in (engine, other) for i in range(3)]
    wait_for(lambda: all(job.picture is not None for job in jobs))
    assert len({ended(job).result[0] for job in jobs}) == 1
    assert len({id(job) for job in jobs}) == 2  # one a server
    assert other.metrics.total("shared") == 2
    other.close()


def test_partial_results_come_four_times_a_second_or_more(engine):
    job = ask(engine, seconds=3.0, value=6)
    under_way(job)
    seen, until = [job.picture], time.monotonic() + 2.0
    while time.monotonic() < until:
        if job.picture is not seen[-1]:
            seen.append(job.picture)
        time.sleep(0.005)
    ended(job)
    assert worker.REPORT_EVERY <= 0.25
    assert len(seen) >= 5  # of ten that are told: a busy machine may lose some


@pytest.mark.parametrize("deed", ["steps", "long call"])
def test_a_stop_frees_the_core_whatever_the_run_is_doing(engine, deed):
    job = ask(engine, deed=deed, seconds=600.0)
    wait_for(busy_workers)
    job.release("a")
    assert isinstance(ended(job).error, Cancelled)
    wait_for(lambda: not busy_workers())


def test_a_program_that_is_being_compiled_is_finished_and_its_worker_stays(engine, tmp_path):
    wait_for(lambda: len(worker_processes()) == 2)  # one that was ended before may be starting
    before, mark = {child.pid for child in worker_processes()}, tmp_path / "mark"
    job = ask(engine, deed="compile", seconds=600.0, mark=str(mark))
    wait_for(lambda: mark.exists() and mark.read_text() == "begins ")
    time.sleep(0.3)  # it is traced first
    job.release("a")
    assert isinstance(ended(job).error, Cancelled)
    assert mark.read_text() == "begins "  # so that the stop came before the end
    wait_for(lambda: not busy_workers())
    assert mark.read_text() == "begins ends"
    assert {child.pid for child in worker_processes()} == before


def busy_workers():
    """Workers that compute: 20 ms of processor time in 50 ms."""
    return [child for child in worker_processes() if processor_time(child) > 0.02]


def worker_processes():
    children = psutil.Process().children(recursive=True)
    return [child for child in children if nice(child) == psutil.Process().nice() + worker.NICENESS]


def nice(process):
    try:
        return process.nice()
    except psutil.NoSuchProcess:
        return None


def processor_time(process):
    try:
        before = sum(process.cpu_times()[:2])
        time.sleep(0.05)
        return sum(process.cpu_times()[:2]) - before
    except psutil.NoSuchProcess:
        return 0.0


def test_what_another_session_wants_goes_on(engine):
    job = ask(engine, session="a", seconds=2.0, value=7)
    ask(engine, session="b", seconds=2.0, value=7)
    under_way(job).release("a")
    np.testing.assert_array_equal(ended(job).result[1], 7.0)


def test_what_was_stopped_runs_when_it_is_asked_for_again_at_once(engine):
    job = under_way(ask(engine, seconds=3.0, value=8))
    job.release("a")
    again = ended(ask(engine, seconds=3.0, value=8))
    assert again is not job
    np.testing.assert_array_equal(again.result[1], 8.0)


def test_a_worker_killed_once_is_replaced_and_the_run_succeeds(engine, tmp_path):
    mark = tmp_path / "attempts"
    np.testing.assert_array_equal(ended(ask(engine, deed="die once", value=9, mark=str(mark))).result[1], 9.0)
    assert mark.read_text() == "x"


def test_a_worker_killed_twice_is_a_clear_message(engine, tmp_path):
    mark = tmp_path / "attempts"
    job = ended(ask(engine, deed="die", mark=str(mark)))
    assert type(job.error) is NtkvizError
    assert "before it was finished, twice" in str(job.error)
    assert mark.read_text() == "xx"


def test_a_run_that_outgrows_its_worker_is_a_message_to_its_user_only(engine):
    other = ask(engine, session="b", seconds=3.0, value=10)
    job = ended(ask(engine, session="a", deed="grow"))
    assert isinstance(job.error, TooExpensive)
    assert "more memory" in str(job.error)
    np.testing.assert_array_equal(ended(other).result[1], 10.0)


def test_a_users_error_comes_back_as_it_is_and_a_bug_behind_a_sentence(engine, caplog):
    assert isinstance(ended(ask(engine, deed="user error")).error, Diverged)
    bug = ended(ask(engine, deed="bug")).error
    assert "secret" not in str(bug)
    assert "secret" in caplog.text


def test_a_training_that_leaves_the_finite_numbers_is_a_result_or_a_sentence(engine):
    spec = train.Spec(c=4.5, steps=200)
    job = ended(engine.submit(train, spec, session="a"))
    assert job.result.network.diverged_at is not None
    assert np.isfinite(job.result.network.curves.loss).all()


def test_while_the_scheduler_is_gone_short_runs_go_on_here_and_long_ones_wait_for_it(engine):
    lost = under_way(ask(engine, seconds=1.5, cost=5.0, value=11))
    engine.pool._cluster.kill()
    wait_for(lambda: not engine.pool.ready)
    assert engine.health()["trouble"] == ["the workers cannot be reached"]
    short = ended(ask(engine, cost=1.0, value=12))
    assert short.result[0] == psutil.Process().pid
    waits = ask(engine, session="b", cost=50.0, value=13)
    wait_for(lambda: engine.pool.ready)
    np.testing.assert_array_equal(ended(lost).result[1], 11.0)
    np.testing.assert_array_equal(ended(waits).result[1], 13.0)
    assert engine.metrics.total("requeued") >= 1
    assert engine.health()["status"] == "ok"


def test_workers_of_another_version_are_not_believed(engine, monkeypatch):
    monkeypatch.setattr(pool_module, "picture_fingerprint", lambda *modules: "another")
    job = ended(ask(engine, value=14))
    assert "another version" in str(job.error)


def commands_of_compose(root):
    """The environment and the words of each command; the container has the repository on its path."""
    services = yaml.safe_load((root / "compose.yaml").read_text())["services"]
    for name in ("scheduler", "workers"):
        yield services[name]["environment"] | {"PYTHONPATH": str(root)}, services[name]["command"]


def commands_of_the_documentation(root):
    """The same from docs/operations.md, as they are written there for a shell in the folder of the repository.

    The README has the same lines.
    """
    lines = [line for line in (root / "docs" / "operations.md").read_text().splitlines() if " -m dask " in line]
    assert set(lines) <= set((root / "README.md").read_text().splitlines())
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line)
        start = next(i for i, word in enumerate(words) if "=" not in word)
        yield dict(word.split("=", 1) for word in words[:start]), words[start:]


@pytest.mark.parametrize("commands", [commands_of_compose, commands_of_the_documentation])
def test_a_scheduler_and_workers_of_their_own_serve_by_the_commands_of(commands, root, tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    places = {"python": sys.executable, ".venv/bin/python": sys.executable, "/tmp": str(tmp_path)}
    places |= {"0.0.0.0": "127.0.0.1", "10.0.0.1": "127.0.0.1", "8786": address.rpartition(":")[2], "4": "1"}
    places |= dict.fromkeys(("tcp://scheduler:8786", "tcp://10.0.0.1:8786"), address)
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = []
    for i, (environment, words) in enumerate(commands(root)):
        with (tmp_path / f"{i}.log").open("w") as log:
            command = [places.get(word, word) for word in words]
            environment = own | environment | {"NTKVIZ_CACHE": os.environ["NTKVIZ_CACHE"]}
            started.append(subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log))
    engine = Engine(Limits(), pool=Pool(0, WORKER_MEGABYTES, address))
    try:
        wait_for(lambda: engine.pool.ready)
        assert ended(ask(engine, value=15)).result[0] != psutil.Process().pid
    finally:
        engine.close()
        for process in started:
            process.terminate()
            process.wait(WAIT)


def test_the_workers_end_with_their_server():
    pool = Pool(1, WORKER_MEGABYTES)
    engine = Engine(Limits(), pool=pool)
    wait_for(lambda: pool.ready)
    cluster = psutil.Process(pool._cluster.pid)
    family = [cluster, *cluster.children(recursive=True)]
    engine.close()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive


IMPORTED = """
import json, sys
from ntkviz.engine import worker
worker.import_modules()
print(json.dumps(sorted(name for name in worker.modules() if name in sys.modules)))
"""


def test_a_worker_imports_every_experiment_and_every_figure_that_has_a_file(root):
    answer = subprocess.run([sys.executable, "-c", IMPORTED], cwd=root, capture_output=True, text=True, check=True)
    rooms = ("experiments", "figures")
    files = {file for room in rooms for file in (root / "ntkviz" / room).glob("*.py") if file.stem != "__init__"}
    assert len(files) > 8
    assert set(json.loads(answer.stdout)) == {f"ntkviz.{file.parent.name}.{file.stem}" for file in files}


def test_a_file_that_cannot_be_imported_does_not_keep_a_worker_from_its_others(monkeypatch, caplog):
    monkeypatch.setattr(worker, "modules", lambda: iter(["ntkviz.experiments.broken", "ntkviz.experiments.protocol"]))
    worker.import_modules()
    assert "ntkviz.experiments.broken cannot be imported" in caplog.text
