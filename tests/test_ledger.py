"""The ledger: verdicts are computed from findings, the stored ones are those of today, and links lead to them."""

import csv
import io
import json
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from ntkviz.command.main import main
from ntkviz.engine import stored
from ntkviz.findings import Finding, Interval
from ntkviz.lessons import lessons
from ntkviz.lessons.claims import CLAIMS, SOURCES
from ntkviz.lessons.ledger import Found, found, ledger
from ntkviz.lessons.rules import Case, Condition, Rule
from tests.canned import canned

PAGE = "90_ledger.py"
TESTS: tuple[Any, ...] = (("holds", "above"), ("not supported", "below"))


def known() -> Found:
    return cast("Found", stored.shipped("ledger"))


def test_the_claims_are_numbered_and_have_a_source() -> None:
    assert [claim.number for claim in CLAIMS] == list(range(1, 28))
    assert {claim.source for claim in CLAIMS} == set(SOURCES.values())
    assert all(claim.words.endswith(".") and len(claim.words) > 30 for claim in CLAIMS)


def test_each_rule_is_about_a_claim() -> None:
    assert {rule.claim for lesson in lessons().values() for rule in lesson.rules} <= {claim.number for claim in CLAIMS}


@pytest.mark.drawn
def test_the_stored_findings_are_those_of_todays_code() -> None:
    """`python -m scripts.store_ledger` makes them anew. A training in float32 differs a little on another machine."""
    today, before = found(canned), known()
    assert {name: tuple(each) for name, each in today.items()} == {name: tuple(each) for name, each in before.items()}
    for one, other in zip(ledger(today), ledger(before), strict=True):
        assert one.verdict == other.verdict, one.claim.number
        for now, then in zip(one.evidence, other.evidence, strict=True):
            assert (now.preset, now.finding.name) == (then.preset, then.finding.name)
            if then.finding.value is not None:
                slack = 2 * (then.finding.error or 0) + 0.1 * abs(then.finding.value)
                assert now.finding.value == pytest.approx(then.finding.value, abs=slack), now.finding.name


def test_a_verdict_is_that_of_its_rules_and_an_unanswered_claim_is_open() -> None:
    for entry in ledger(known()):
        rules = [
            (name, rule)
            for name, lesson in lessons().items()
            for rule in lesson.rules
            if rule.claim == entry.claim.number
        ]
        assert entry.lessons == tuple(name for name, _ in rules)
        verdicts, asked, others = [], [], 0
        for name, rule in rules:
            named = {(key, one.name): one for key, each in known()[name].items() for one in each}
            verdicts.append(rule.verdict(named))
            asked += [(name, part.preset, part.finding) for case in rule.cases for part in case.conditions]
            others += sum(case.verdict != verdicts[-1] for case in rule.cases)
        assert {(one.lesson, one.preset, one.finding.name) for one in entry.evidence} == set(asked)
        assert len(entry.otherwise) == others
        expected = "open" if not rules else verdicts[0] if len(set(verdicts)) == 1 else "conditional"
        assert entry.verdict == expected and (entry.verdict != "open") == bool(rules)
    assert [entry.verdict for entry in ledger({})] == ["open"] * 27


def test_lessons_that_differ_make_a_claim_conditional(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(name: str, value: float) -> Any:
        cases = [Case(verdict, (Condition("first", "n", test, value),)) for verdict, test in TESTS]
        return SimpleNamespace(rules=(Rule(1, tuple(cases)),))

    monkeypatch.setattr("ntkviz.lessons.ledger.lessons", lambda: {"a": of("a", 1.0), "b": of("b", 3.0)})
    for value, verdict in ((0.0, "not supported"), (2.0, "conditional"), (4.0, "holds")):
        there = {name: {"first": (Finding("n", value),)} for name in ("a", "b")}
        assert ledger(there)[0].verdict == verdict and ledger(there)[0].lessons == ("a", "b")


def test_other_findings_give_another_verdict() -> None:
    """Claim 5 with a distance that does not fall, and with none at all."""
    exponent = "Distance to infinite width: exponent"
    flat = Finding(exponent, 0.0, error=0.01, over="60 networks", expected=Interval(-0.5, -0.5, "theory"))
    (entry,) = [one for one in ledger({"birth": {"first": (flat,)}}) if one.claim.number == 5]
    assert entry.verdict == "not supported"
    assert [(one.preset, one.finding) for one in entry.evidence] == [("first", flat)]
    assert entry.otherwise[0] == (
        "“limit only”, if “Distance to infinite width: exponent” at the preset “first” agreed with what theory "
        "expects, and “Distance at 32 neurons” at the preset “narrow” was above 20"
    )


def test_links_lead_to_the_preset_of_the_finding() -> None:
    for entry in ledger(known()):
        for one in entry.evidence:
            link = urlsplit(one.link)
            asked = parse_qs(link.query)
            preset = lessons()[link.path.removeprefix("/")].preset(asked["preset"][0])
            assert preset.key == one.preset and asked["ask"] == ["0"]


def test_the_command_prints_a_line_or_an_object_for_each_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 27
    for line, entry in zip(lines, ledger(known()), strict=True):
        assert line.split()[0] == str(entry.claim.number) and entry.verdict in line and line.endswith(entry.claim.words)
    assert main(["ledger", "--json"]) == 0
    objects: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [one["claim"] for one in objects] == list(range(1, 28))
    twelfth = objects[11]
    assert twelfth["verdict"] == "false as worded" and twelfth["source"] == "a news article"
    assert twelfth["findings"][0]["link"] == "/seeds?preset=first&ask=0" and twelfth["findings"][0]["claim"] == 12


@pytest.fixture
def page(root) -> AppTest:
    app = AppTest.from_file(str(root / "ntkviz" / "ui" / "main.py"), default_timeout=60)
    app.switch_page(f"../../pages/{PAGE}")
    return app.run()


def test_the_page_shows_every_claim_with_its_numbers_and_filters_them(page: AppTest) -> None:
    assert not page.exception and not page.error
    every = ledger(known())
    words = [text.value for text in page.markdown]
    for entry in every:
        assert f"**{entry.claim.number}.** {entry.claim.words}" in words
        for one in entry.evidence:
            assert any(one.finding.name in text and one.link[1:] in text for text in words)
    shown = [text for text in words if text.strip("*") in {entry.verdict for entry in every}]
    assert shown == [f"**{entry.verdict}**" for entry in every]
    page.multiselect(key="verdicts").select("open").run()
    left = [text.value for text in page.markdown if text.value.startswith("**") and ".**" in text.value]
    assert len(left) == len([entry for entry in every if entry.verdict == "open"])


def test_the_table_has_a_row_for_each_finding(root) -> None:
    names: dict[str, Any] = {"__name__": "ledger_page"}
    source = (root / "pages" / PAGE).read_text(encoding="utf-8").partition("st.session_state")[0]
    exec(compile(source, PAGE, "exec"), names)
    rows = list(csv.DictReader(io.StringIO(names["table"](ledger(known())))))
    for entry in ledger(known()):
        mine = [row for row in rows if row["claim"] == str(entry.claim.number)]
        assert len(mine) == max(1, len(entry.evidence)) and {row["verdict"] for row in mine} == {entry.verdict}
        for row, one in zip(mine, entry.evidence, strict=False):
            assert row["finding"] == one.finding.name and row["link"] == one.link
            assert row["value"] == ("" if one.finding.value is None else str(one.finding.value))
