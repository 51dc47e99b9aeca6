"""Results on disk: whole or not at all, bounded, and never those of another run."""

import os

import numpy as np
import pytest

from ntkviz.data import UploadedTable, parse_csv
from ntkviz.engine import store as store_module
from ntkviz.engine import stored
from ntkviz.engine.fingerprint import fingerprint
from ntkviz.engine.jobs import run_key
from ntkviz.engine.store import ABANDONED_AFTER, Store, StoredResult, is_uploaded
from ntkviz.experiments import train
from tests import cases

SPEC = cases.Spec()
CODE = fingerprint(cases.__name__)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path, 10_000)


def test_what_is_put_is_got_by_another_process_of_the_same_code(store, tmp_path):
    store.put(cases, SPEC, (np.arange(3.0), "λ", None))
    array, word, nothing = Store(tmp_path, 10_000).get(cases, SPEC)
    np.testing.assert_array_equal(array, np.arange(3.0))
    assert (word, nothing) == ("λ", None)
    assert Store(tmp_path, 10_000).get(cases, cases.Spec(value=2)) is None


def test_a_picture_is_found_under_the_code_that_drew_it(store, tmp_path, monkeypatch):
    store.put(cases, SPEC, (1.0,), ("the picture", b"of it"), "ntkviz.figures.picture")
    other = Store(tmp_path, 10_000)
    assert other.picture(cases, SPEC, "ntkviz.figures.picture") == ("the picture", b"of it")
    assert other.get(cases, SPEC) == (1.0,)
    assert other.picture(cases, cases.Spec(value=2), "ntkviz.figures.picture") is None
    monkeypatch.setattr(store_module, "picture_fingerprint", lambda experiment, draw: "other figures")
    assert (store.picture(cases, SPEC, "ntkviz.figures.picture"), store.get(cases, SPEC)) == (None, (1.0,))


def test_a_result_may_come_without_a_picture(store):
    store.put(cases, SPEC, (1.0,))
    assert (store.picture(cases, SPEC, "ntkviz.figures.picture"), store.usage()[0]) == (None, 1)


def test_other_code_does_not_find_it(store, monkeypatch):
    store.put(cases, SPEC, (1.0,))
    monkeypatch.setattr(store_module, "fingerprint", lambda experiment: "other")
    assert store.get(cases, SPEC) is None


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_a_damaged_file_is_removed_and_not_served(store, keep):
    store.put(cases, SPEC, (np.arange(100.0),))
    path = store.path(cases, SPEC)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    assert store.get(cases, SPEC) is None
    assert not path.exists()


def test_a_flipped_byte_is_noticed(store):
    store.put(cases, SPEC, (np.arange(100.0),))
    path = store.path(cases, SPEC)
    content = bytearray(path.read_bytes())
    content[content.index(np.arange(100.0)[50:].tobytes())] ^= 1
    path.write_bytes(content)
    assert store.get(cases, SPEC) is None


@pytest.mark.parametrize(
    "content",
    [
        StoredResult(run_key(cases, cases.Spec(value=2)), CODE, (1.0,)),
        StoredResult(run_key(cases, SPEC), "other", (1.0,)),
        StoredResult(run_key(cases, SPEC), CODE, 1.0),
        1.0,
    ],
    ids=["of another spec", "of other code", "of another type", "no stored result"],
)
def test_a_file_that_holds_another_result_is_removed_and_not_served(store, content):
    stored.write(store.path(cases, SPEC), content)
    assert store.get(cases, SPEC) is None
    assert not store.path(cases, SPEC).exists()


def test_the_least_recently_used_goes_first(tmp_path):
    specs = [cases.Spec(value=value) for value in range(4)]
    size = len(stored.to_bytes(StoredResult(run_key(cases, specs[0]), CODE, (np.zeros(200),)), packed=False))
    store = Store(tmp_path, 3.5 * size)
    for i, spec in enumerate(specs[:3]):
        store.put(cases, spec, (np.zeros(200),))
        os.utime(store.path(cases, spec), (i, i))
    assert store.get(cases, specs[0]) is not None  # now it is the newest
    store.put(cases, specs[3], (np.zeros(200),))
    assert [store.path(cases, spec).exists() for spec in specs] == [True, False, True, True]
    assert store.usage() == (3, 3 * size)


def test_an_abandoned_half_goes_and_a_fresh_one_of_another_server_stays(store, tmp_path):
    for name, age in (("old.part", 2 * ABANDONED_AFTER), ("new.part", 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (os.stat(tmp_path).st_mtime - age,) * 2)
    store.put(cases, SPEC, (1.0,))
    assert [path.name for path in tmp_path.glob("*.part")] == ["new.part"]


@pytest.fixture
def full_disk():
    """No file of this process can grow past 100 bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_costs_nothing_but_the_keeping(store, caplog, tmp_path, full_disk):
    store.put(cases, SPEC, (1.0,))
    store.put(cases, SPEC, (1.0,))
    assert store.trouble == "results cannot be stored on disk: File too large"
    assert len(caplog.records) == 1  # said once, not at each result
    assert list(tmp_path.iterdir()) == []
    full_disk()  # room again
    store.put(cases, SPEC, (1.0,))
    assert (store.trouble, store.get(cases, SPEC)) == ("", (1.0,))


def test_what_a_visitor_uploaded_stays_in_memory(store, tmp_path):
    spec = UploadedTable(table=parse_csv(b"a,b\n" + b"1,2\n3,5\n4,1\n" * 20, name="mine.csv"), target="b")
    assert is_uploaded(spec)
    assert is_uploaded(train.Spec(data=spec))
    assert not is_uploaded(train.Spec())
    store.put(train, train.Spec(data=spec), (1.0,))
    assert not list(tmp_path.iterdir())


def test_what_no_file_can_hold_is_not_kept(store, tmp_path):
    store.put(cases, SPEC, (lambda: 0,))
    assert list(tmp_path.iterdir()) == []
    assert not store.trouble


def test_a_store_of_no_bytes_keeps_nothing(tmp_path):
    Store(tmp_path, 0.0).put(cases, SPEC, (1.0,))
    assert list(tmp_path.iterdir()) == []
