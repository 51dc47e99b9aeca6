"""Results on disk: whole or not at all, bounded, and never another question's."""

import os

import numpy as np
import pytest

from ntkviz.data import UploadedTable, parse_csv
from ntkviz.engine import store as store_module
from ntkviz.engine import stored
from ntkviz.engine.store import ABANDONED, Answer, Store
from ntkviz.engine.version import code_version
from tests import cases

SPEC = cases.Spec()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path, 10_000)


def test_what_is_put_is_got_by_another_process_of_the_same_code(store, tmp_path):
    store.put("question", SPEC, (np.arange(3.0), "λ", None))
    array, word, nothing = Store(tmp_path, 10_000).get("question")
    np.testing.assert_array_equal(array, np.arange(3.0))
    assert (word, nothing) == ("λ", None)
    assert Store(tmp_path, 10_000).get("another question") is None


def test_other_code_does_not_find_it(store, monkeypatch):
    store.put("question", SPEC, 1.0)
    monkeypatch.setattr(store_module, "code_version", lambda: "other")
    assert store.get("question") is None


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_a_damaged_file_is_removed_and_not_served(store, keep):
    store.put("question", SPEC, np.arange(100.0))
    path = store.path("question")
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    assert store.get("question") is None
    assert not path.exists()


def test_a_flipped_byte_is_noticed(store):
    store.put("question", SPEC, np.arange(100.0))
    path = store.path("question")
    content = bytearray(path.read_bytes())
    content[content.index(np.arange(100.0)[50:].tobytes())] ^= 1
    path.write_bytes(content)
    assert store.get("question") is None


def test_a_file_under_the_name_of_another_question_is_not_served(store):
    stored.write(store.path("question"), Answer("other question", code_version(), 1.0))
    assert store.get("question") is None
    stored.write(store.path("question"), 1.0)  # not even an answer
    assert store.get("question") is None


def test_the_one_asked_for_longest_ago_goes_first(tmp_path):
    size = len(stored.to_bytes(Answer("a", code_version(), np.zeros(200)), packed=False))
    store = Store(tmp_path, 3.5 * size)
    for i, name in enumerate("abc"):
        store.put(name, SPEC, np.zeros(200))
        os.utime(store.path(name), (i, i))
    assert store.get("a") is not None  # now it is the newest
    store.put("d", SPEC, np.zeros(200))
    assert [name for name in "abcd" if store.path(name).exists()] == ["a", "c", "d"]
    assert store.usage() == (3, 3 * size)


def test_an_abandoned_half_goes_and_a_fresh_one_of_another_server_stays(store, tmp_path):
    for name, age in (("old.part", 2 * ABANDONED), ("new.part", 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (os.stat(tmp_path).st_mtime - age,) * 2)
    store.put("question", SPEC, 1.0)
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
    store.put("question", SPEC, 1.0)
    store.put("question", SPEC, 1.0)
    assert store.trouble == "results are not kept on disk: File too large"
    assert len(caplog.records) == 1  # said once, not at each result
    assert list(tmp_path.iterdir()) == []
    full_disk()  # room again
    store.put("question", SPEC, 1.0)
    assert (store.trouble, store.get("question")) == ("", 1.0)


def test_what_a_visitor_uploaded_stays_in_memory(store, tmp_path):
    spec = UploadedTable(table=parse_csv(b"a,b\n" + b"1,2\n3,5\n4,1\n" * 20, name="mine.csv"), target="b")
    store.put("question", spec, 1.0)
    store.put("nested", (spec, SPEC)[1], 1.0)
    assert store.get("question") is None
    assert store.get("nested") == 1.0


def test_what_no_file_can_hold_is_not_kept(store, tmp_path):
    store.put("question", SPEC, lambda: 0)
    assert list(tmp_path.iterdir()) == []
    assert not store.trouble


def test_a_store_of_no_bytes_keeps_nothing(tmp_path):
    Store(tmp_path, 0.0).put("question", SPEC, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_the_version_moves_with_the_mathematics_and_not_with_the_pages(tmp_path, monkeypatch):
    from ntkviz.engine import version

    (tmp_path / "kernels").mkdir()
    (tmp_path / "ui").mkdir()
    seen = []
    for room, words in (("kernels", "a = 1"), ("kernels", "a = 2"), ("ui", "b = 1"), ("ui", "b = 2")):
        (tmp_path / room / "file.py").write_text(words)
        monkeypatch.setattr(version, "PACKAGE", tmp_path)
        seen.append(version.code_version.__wrapped__())
    assert seen[0] != seen[1] == seen[2] == seen[3]
