"""The visitor of the load test sees what a browser sees: the right picture, refusals, and runs that take their time."""

import asyncio
import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks._visitor import Failed, Visitor
from benchmarks.class_load import Class, Student, quantile, verdict
from benchmarks.class_load import gather as assemble


def played(scene):
    """The scene's outcome; in a thread, for the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as stage:
        return stage.submit(asyncio.run, scene).result()


def test_a_move_ends_with_the_picture_that_was_asked_for(server):
    async def scene():
        visitor = Visitor(server, "spectrum")
        opened = await visitor.open()
        first = visitor.received
        seconds = [await visitor.move({"depth": depth}, {"arch.depth": depth}) for depth in ("4", "1", "4")]
        with pytest.raises(Failed, match="no picture"):
            await visitor.move({"depth": "1"}, {"arch.depth": "2"}, patience=1.0)  # no such picture comes
        await visitor.close()
        return opened, first, seconds, visitor

    opened, first, seconds, visitor = played(scene())
    assert opened > 0
    assert first > 100_000
    assert all(0 < taken < 60 for taken in seconds)
    assert not visitor.errors


def test_a_move_brings_the_part_that_answers_and_not_the_page(server):
    async def scene():
        visitor = Visitor(server, "spectrum")
        await visitor.open()
        for depth in ("3", "2"):  # from now on both are kept: no progress is shown
            await visitor.move({"depth": depth}, {"arch.depth": depth})
        kinds, take = set(), visitor._take

        def heard(message):
            kind, element = message.WhichOneof("type"), message.delta.new_element
            if not element.markdown.body.startswith("### "):  # the heading of a slot
                kinds.add(element.WhichOneof("type") if kind == "delta" else kind)
            take(message)

        visitor._take = heard
        await visitor.move({"depth": "3"}, {"arch.depth": "3"})
        await visitor.close()
        return kinds

    kinds = played(scene())
    assert "slider" in kinds
    assert kinds & {"bidi_component", "ref_hash"}
    assert not kinds & {"heading", "markdown", "button", "code", "navigation", "exception"}


def test_back_at_a_setting_the_picture_is_not_sent_again(server):
    async def scene():
        visitor = Visitor(server, "spectrum")
        await visitor.open()
        sizes = []
        for depth in ("3", "4", "3", "4"):
            before = visitor.received
            await visitor.move({"depth": depth}, {"arch.depth": depth})
            sizes.append(visitor.received - before)
        await visitor.close()
        return sizes

    first, *_, again = played(scene())
    assert first > 50_000
    assert again < first / 2  # slot a is named, not sent; slot b may still have been on its way


def test_a_long_run_is_polled_to_its_end_and_not_taken_for_its_progress(server):
    async def scene():
        visitor = Visitor(server, "train")
        await visitor.open()
        await visitor.move({"depth": "2", "steps": "2000", "seed": "11"}, {"arch.depth": "2", "seed": "11"})
        await visitor.close()
        return visitor

    visitor = played(scene())
    assert visitor.looks >= 2
    assert not visitor.errors


def test_a_refusal_is_an_error(server):
    async def scene():
        visitor = Visitor(server, "train")
        await visitor.open()
        with pytest.raises(Failed, match="limit"):
            await visitor.move({"width": "4096", "depth": "5", "steps": "10000"}, {"arch.width": "4096"})
        await visitor.close()

    played(scene())


def test_a_class_shares_its_answers(server):
    async def scene():
        seen = Class()
        students, opened = await assemble(server, 6, seen)
        teacher = Student(server, "spectrum", 99)
        await teacher.open(seen)
        for depth in ("2", "3"):
            await teacher.ask({"depth": depth}, seen)
        await asyncio.gather(*(student.attend(seen, time.perf_counter() + 8.0) for student in students))
        await asyncio.gather(*(student.visitor.close() for student in (*students, teacher)))
        return seen, opened

    seen, opened = played(scene())
    assert opened < 60
    assert not seen.errors
    assert set(seen.worst) >= set(range(6))  # everybody was answered
    assert seen.answers == sum(map(len, seen.seconds.values())) >= 6 + 2  # each student, and the teacher twice
    assert all(math.isfinite(worst) for worst in seen.worst.values())


def test_quantiles_and_verdicts():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(i) for i in range(101)], 0.95) == 95.0
    assert "missed by 0.25 s" in verdict("p95", 0.75, 0.5, "s")
    assert "met" in verdict("p95", 0.25, 0.5, "s")
