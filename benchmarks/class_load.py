"""A class on one server: the time from a slider to the new picture while everybody moves sliders.

    python -m benchmarks.class_load [--sessions 200 100 50 10] [--seconds 25] [--soak MINUTES] [--url URL]

Visitors without a browser (`_visitor.py`) open their pages at the same time. Then each moves a control, waits for 3 s,
and repeats this. Most choose settings that were computed before, and some choose new ones. Two real browsers do the
same, and once a minute a visitor starts a long training. The largest class comes first, because memory is counted from
a server without visitors: the memory of the process that serves the pages, without the results that it keeps. With
`--soak`, one class (of 50, or the first of `--sessions`) stays for so many minutes, and growth is measured.
"""

import argparse
import asyncio
import multiprocessing
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, product
from multiprocessing.connection import Connection
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks._server import Server
from benchmarks._visitor import Failed, Visitor
from benchmarks.latency import open_page, press
from ntkviz.engine.programs import cache_folder
from scripts.find_browser import find
from tests.browser.conftest import ARGUMENTS
from tests.browser.server import serve, wait_until_warm

ROOT = Path(__file__).resolve().parents[1]
THINK = 3.0  # seconds between an answer and the next move
BROWSERS = 2
HEAVY_EVERY = 60.0  # seconds
STARVED = 10.0  # seconds: a session that waited longer once, or got nothing
KINDS = ("from store", "computed", "heavy", "in a browser")

# What one machine with two cores is to hold, the visitors included: seconds, seconds, MB a session, growth of a soak.
P95, OPENING, MEMORY, GROWTH = 0.5, 10.0, 1.0, 0.03


@dataclass(frozen=True)
class Plan:
    """The controls that the visitors of a page move: key -> name of the setting, and its values."""

    visitors: float  # share of the class
    start: Mapping[str, str]  # what the page opens with
    moves: Mapping[str, tuple[str, tuple[str, ...]]]
    new: float  # share of moves that ask for a seed, which hardly anybody has asked for

    def settings(self, values: Mapping[str, str]) -> dict[str, str]:
        names = {key: name for key, (name, _) in self.moves.items()}
        return {names.get(key, key): value for key, value in values.items()}


DEPTHS, WIDTHS = tuple("12345"), ("64", "128", "256", "512", "1024")
PLANS = {
    "spectrum": Plan(
        0.5,
        {"depth": "2", "width": "512"},
        {"depth": ("arch.depth", DEPTHS), "width": ("arch.width", WIDTHS[2:])},
        new=0.06,
    ),
    "train": Plan(
        0.35, {"width": "512", "c": "0.5"}, {"width": ("arch.width", WIDTHS), "c": ("c", ("0.5", "0.9"))}, new=0.03
    ),
    "lazy": Plan(0.15, {"width": "128"}, {"width": ("arch.width", WIDTHS[:3])}, new=0.0),
}
HEAVY = ("train", {"width": "1024", "depth": "2", "steps": "5000"})
HEAVY_NAMES = {"width": "arch.width", "depth": "arch.depth"}


@dataclass
class Class:
    """What a class has measured: seconds for each kind of answer, errors, and the settings that were computed."""

    known: set[tuple[str, frozenset[tuple[str, str]]]] = field(default_factory=set)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    worst: dict[int, float] = field(default_factory=dict)  # session -> its longest wait
    errors: list[str] = field(default_factory=list)
    received: int = 0

    @property
    def answers(self) -> int:
        return sum(len(self.seconds[kind]) for kind in KINDS[:3])


class Student:
    """A visitor who moves one control at a time."""

    def __init__(self, url: str, page: str, number: int) -> None:
        self.page = page
        self.visitor = Visitor(url, page)
        self._plan = PLANS[page]
        self._dice = random.Random(number)
        self._number = number
        self._at = {**self._plan.start, "seed": "0"}

    async def open(self, seen: Class) -> None:
        try:
            await self.visitor.open()
        except (Failed, OSError) as error:
            seen.errors.append(f"opening {self.page}: {error}")

    async def attend(self, seen: Class, until: float) -> None:
        """Move a control and wait, until the time is over."""
        await asyncio.sleep(self._dice.uniform(0, THINK))
        while time.perf_counter() < until:
            key, value = self._next()
            await self.ask({key: value}, seen)
            await asyncio.sleep(THINK * self._dice.uniform(0.7, 1.3))

    def _next(self) -> tuple[str, str]:
        if self._at["seed"] != "0":
            return "seed", "0"
        if self._dice.random() < self._plan.new:
            return "seed", str(self._dice.randint(1, 20))
        key = self._dice.choice(list(self._plan.moves))
        values = [value for value in self._plan.moves[key][1] if value != self._at[key]]
        return key, self._dice.choice(values)

    async def ask(self, values: Mapping[str, str], seen: Class) -> None:
        self._at.update(values)
        wanted = self._plan.settings(self._at)
        question = (self.page, frozenset(wanted.items()))
        kind = "from store" if question in seen.known else "computed"
        before = self.visitor.received
        try:
            taken = await self.visitor.move(values, wanted)
        except (Failed, OSError) as error:
            seen.errors.append(f"{self.page}: {error}")
            seen.worst[self._number] = float("inf")
            return
        seen.known.add(question)
        seen.seconds[kind].append(taken)
        seen.received += self.visitor.received - before
        seen.worst[self._number] = max(taken, seen.worst.get(self._number, 0.0))

    async def rehearse(self, seen: Class) -> None:
        """Choose every setting except new seeds once, so that their results are kept."""
        keys = list(self._plan.moves)
        for choice in product(*(values for _, values in self._plan.moves.values())):
            self._at |= dict(zip(keys, choice, strict=True))
            await self.ask(self._at, seen)
            await self.visitor.rest()


async def heavy(visitor: Visitor, seen: Class, until: float) -> None:
    """A visitor who starts a new long training once a minute."""
    page, values = HEAVY
    while (started := time.perf_counter()) < until:
        for seed in range(1, 21):
            asked = {**values, "seed": str(seed)}
            wanted = {HEAVY_NAMES.get(key, key): value for key, value in asked.items()}
            question = (page, frozenset(wanted.items()))
            if question not in seen.known:
                break
        seen.known.add(question)
        try:
            seen.seconds["heavy"].append(await visitor.move(asked, wanted, patience=180.0))
        except Failed as error:
            seen.errors.append(f"heavy: {error}")
        await asyncio.sleep(max(0.0, min(started + HEAVY_EVERY, until + 0.1) - time.perf_counter()))


def browse(url: str, line: Connection) -> None:
    """Real browsers on a page of the class; they send the seconds from key to picture."""
    taken: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        pages = [open_page(browser, f"{url}/spectrum?ask=0&depth={2 + i}")[0] for i in range(BROWSERS)]
        line.send("ready")
        ends = time.perf_counter() + line.recv()
        arrows = cycle(("ArrowLeft", "ArrowRight"))
        while time.perf_counter() < ends:
            arrow = next(arrows)
            for page in pages:
                taken.append(press(page, "depth", arrow) / 1000)
                page.wait_for_timeout(1000 * THINK / BROWSERS)
        browser.close()
    line.send(taken)


@asynccontextmanager
async def browsers(url: str) -> AsyncIterator[Connection]:
    """A process for the browsers, so that their work does not slow the visitors' clock, and the connection to it."""
    context = multiprocessing.get_context("spawn")
    line, theirs = context.Pipe()
    process = context.Process(target=browse, args=(url, theirs), daemon=True)
    process.start()
    theirs.close()  # if the process fails, the line ends
    await asyncio.to_thread(line.recv)
    yield line
    await asyncio.to_thread(process.join)


async def gather(url: str, count: int, seen: Class) -> tuple[list[Student], float]:
    """So many visitors with their pages open, and the seconds that opening took."""
    pages = [page for page, plan in PLANS.items() for _ in range(round(count * plan.visitors))]
    pages = (pages + ["spectrum"] * count)[:count]
    students = [Student(url, page, number) for number, page in enumerate(pages)]
    started = time.perf_counter()
    await asyncio.gather(*(student.open(seen) for student in students))
    return students, time.perf_counter() - started


def quantile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]


@dataclass(frozen=True)
class Lesson:
    """The measurements of one class."""

    sessions: int
    opened: float  # s
    seen: Class
    memory: float  # MB a session, of the process that has the pages
    starved: int

    def misses(self) -> Iterator[str]:
        """Every target, and whether it is met."""
        p95 = quantile(self.seen.seconds["from store"], 0.95)
        yield verdict("p95 from store", p95, P95, "s")
        yield verdict("opening all sessions", self.opened, OPENING, "s")
        yield verdict("memory a session", self.memory, MEMORY, "MB")
        yield verdict("errors", len(self.seen.errors), 0, "")
        yield verdict("sessions starved", self.starved, 0, "")


def verdict(what: str, value: float, bound: float, unit: str) -> str:
    met = "met" if value <= bound else f"missed by {value - bound:.3g} {unit}"
    return f"  {what:<24} {value:8.3g} {unit:<3} target {bound:g} {unit}: {met}"


async def hold(server: Server, count: int, seconds: float, known: Class) -> Lesson:
    """Measure one class, whose visitors all come at once, stay for some seconds and leave."""
    seen = Class(known=known.known)
    async with browsers(server.url) as line:
        base, counted = server.pages(), server.computed()
        students, opened = await gather(server.url, count, seen)
        patient = Visitor(server.url, HEAVY[0])
        await patient.open()
        until = time.perf_counter() + seconds
        cpu = server.cpu()
        line.send(seconds)
        present = [student for student in students if student.visitor.connected]
        await asyncio.gather(heavy(patient, seen, until), *(student.attend(seen, until) for student in present))
        cpu = server.cpu() - cpu
        memory = (server.pages() - base) / count
        seen.seconds["in a browser"] += await asyncio.to_thread(line.recv)
    seen.errors += [words for student in students for words in student.visitor.errors if words not in seen.errors]
    starved = sum(not seen.worst.get(i, float("inf")) <= STARVED for i in range(count))
    lesson = Lesson(count, opened, seen, memory, starved)
    show(lesson, cpu, counted, server.computed())
    await asyncio.gather(patient.close(), *(student.visitor.close() for student in students), return_exceptions=True)
    return lesson


def show(lesson: Lesson, cpu: float, before: float | None, after: float | None) -> None:
    seen = lesson.seen
    for kind in KINDS:
        if taken := [1000 * seconds for seconds in seen.seconds[kind]]:
            numbers = "".join(
                f"{value:8.0f}" for value in (*(quantile(taken, q) for q in (0.5, 0.95, 0.99)), max(taken))
            )
            print(f"{lesson.sessions:>8}  {kind:<14}{len(taken):8}{numbers}")
    made = "-" if before is None or after is None else f"{seen.answers - (after - before):.0f}"
    print(
        f"{'':10}opened in {lesson.opened:.1f} s; {len(seen.errors)} errors; {lesson.starved} starved; {made} of "
        f"{seen.answers} computations saved; an answer takes {1000 * cpu / max(seen.answers, 1):.0f} ms of the "
        f"server and {seen.received / 1000 / max(seen.answers, 1):.0f} kB; {lesson.memory:.2f} MB a session",
        flush=True,
    )
    for words in sorted(set(seen.errors))[:5]:
        print(f"{'':10}{seen.errors.count(words)} x {words}")


async def soak(server: Server, count: int, minutes: float, seen: Class) -> None:
    """Measure one class for a long time, minute by minute, to see whether memory grows."""
    students, opened = await gather(server.url, count, seen)
    print(f"{count} sessions opened in {opened:.1f} s")
    print(f"{'minute':>8}{'answers':>9}{'p95, ms':>9}{'MB':>8}{'files':>7}{'threads':>9}")
    until = time.perf_counter() + 60 * minutes
    attending = asyncio.gather(*(student.attend(seen, until) for student in students))
    memory: list[float] = []
    while time.perf_counter() < until:
        before = len(seen.seconds["from store"])
        await asyncio.sleep(min(60.0, until - time.perf_counter() + 0.1))
        memory.append(server.memory())
        latest = seen.seconds["from store"][before:]
        process = server.process
        print(
            f"{len(memory):8}{len(latest):9}{1000 * quantile(latest or [0.0], 0.95):9.0f}{memory[-1]:8.0f}"
            f"{process.num_fds():7}{process.num_threads():9}",
            flush=True,
        )
    await attending
    middle = len(memory) // 2
    growth = (
        statistics.median(memory[-max(1, middle // 2) :]) / statistics.median(memory[middle // 2 : middle] or memory)
        - 1
    )
    print(verdict("growth, 2nd to last quarter", growth, GROWTH, ""))
    print(verdict("errors", len(seen.errors), 0, ""))
    await asyncio.gather(*(student.visitor.close() for student in students), return_exceptions=True)


@contextmanager
def running(url: str | None) -> Iterator[Server]:
    """The server to measure: the one at `--url`, or a new one with compiled programs and without results."""
    if url:
        yield Server.at(url)
        return
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        cache.mkdir()
        compiled = cache_folder() / "jax"
        compiled.mkdir(parents=True, exist_ok=True)
        (cache / "jax").symlink_to(compiled)
        with serve(ROOT, Path(folder) / "log", {"NTKVIZ_CACHE": str(cache)}) as own:
            wait_until_warm(own)
            yield Server.at(own)


async def measure(server: Server, asked: argparse.Namespace) -> None:
    known = Class()
    rehearsing = [Student(server.url, page, i) for i, page in enumerate(PLANS)]
    await asyncio.gather(*(student.open(known) for student in rehearsing))
    await asyncio.gather(*(student.rehearse(known) for student in rehearsing))
    await asyncio.gather(*(student.visitor.close() for student in rehearsing))
    print(f"{len(known.known)} questions asked beforehand; {len(known.errors)} errors {known.errors[:1] or ''}")
    if asked.soak:
        await soak(server, asked.sessions[0] if asked.sessions else 50, asked.soak, known)
        return
    print(f"{'sessions':>8}  {'answers':<14}{'number':>8}{'p50':>8}{'p95':>8}{'p99':>8}{'worst':>8}   (milliseconds)")
    lessons = [await hold(server, count, asked.seconds, known) for count in asked.sessions or (200, 100, 50, 10)]
    largest = max(lessons, key=lambda lesson: lesson.sessions)
    print(f"\nWith {largest.sessions} sessions:", *largest.misses(), sep="\n")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sessions", type=int, nargs="+")
    options.add_argument("--seconds", type=float, default=25.0, help="for each class, after it has opened")
    options.add_argument("--soak", type=float, metavar="MINUTES")
    options.add_argument("--url")
    asked = options.parse_args()
    with running(asked.url) as server, suppress(KeyboardInterrupt):
        asyncio.run(measure(server, asked))


if __name__ == "__main__":
    main()
