"""result.json, junit.xml and report.html: their shape, what they say, and that the same run gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from reports.html import page, write_html
from reports.junit import write_junit
from reports.outcome import RunOutcome
from reports.result import result, write_result


@pytest.fixture(scope="module")
def html(library_run: RunOutcome) -> str:
    return page(library_run)


def test_result_has_the_members_that_programs_rely_on(library_run: RunOutcome, tmp_path: Path) -> None:
    write_result(tmp_path / "result.json", library_run)
    document = orjson.loads((tmp_path / "result.json").read_bytes())
    assert {"gatefall", "seed", "target", "scenarios", "verdict", "exit_code"} <= document.keys()
    for scenario in document["scenarios"]:
        assert {"name", "file", "variant", "customers", "conversion", "pm_gate_rejections"} <= scenario.keys()
        assert {"time_to_payment_s", "funnel", "expectations", "findings"} <= scenario.keys()
        assert {"inconclusive", "verdict"} <= scenario.keys()
        assert {"phase", "regime"} <= scenario["variant"].keys()
        assert scenario["conversion"].keys() == {"value", "low", "high", "n"}
        assert {"count", "rate", "by_operation", "by_client"} <= scenario["pm_gate_rejections"].keys()
        assert scenario["time_to_payment_s"].keys() == {"p50", "p95"}
        assert all(flow.keys() == {"step", "entered", "left"} for flow in scenario["funnel"])
        for finding in scenario["findings"]:
            assert {"property", "tier", "severity", "count", "first", "worst", "proof"} <= finding.keys()
            assert all({"time_us", "source", "kind", "subject"} <= fact.keys() for fact in finding["worst"]["facts"])
            assert finding["worst"]["facts"]
        for checked in scenario["expectations"]:
            assert checked.keys() == {"expression", "actual", "verdict"}
    assert (document["verdict"], document["exit_code"]) == ("violated", 1)
    assert not list(tmp_path.glob(".*"))


def test_result_tells_findings_from_controls(library_run: RunOutcome) -> None:
    found = [
        (scenario["name"], finding["property"], finding["count"], finding["expected"])
        for scenario in result(library_run)["scenarios"]
        for finding in scenario["findings"]
    ]
    assert found.count(("special-case-1", "charged-once", 2, False)) == 5
    assert found.count(("premature-removal", "no-entitlement-without-payment", 1, True)) == 2
    assert len(found) == 7


@pytest.mark.parametrize("write", [write_result, write_junit])
def test_the_same_run_gives_the_same_bytes(
    library_run: RunOutcome, tmp_path: Path, write: Callable[[Path, RunOutcome], None]
) -> None:
    write(tmp_path / "one", library_run)
    write(tmp_path / "two", library_run)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_page_is_the_same_each_time(library_run: RunOutcome, html: str, tmp_path: Path) -> None:
    write_html(tmp_path / "report.html", library_run)
    assert (tmp_path / "report.html").read_text("utf-8") == html


def test_junit_has_a_suite_a_scenario_and_a_case_a_judgement(library_run: RunOutcome, tmp_path: Path) -> None:
    write_junit(tmp_path / "junit.xml", library_run)
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [
        "a-normal-week",
        "special-case-1",
        "special-case-2",
        "special-case-3",
        "premature-removal",
    ]
    for suite in suites:
        for count, element in (
            ("tests", "testcase"),
            ("failures", "testcase/failure"),
            ("skipped", "testcase/skipped"),
        ):
            assert suite.get(count) == str(len(suite.findall(element)))
    assert root.get("tests") == str(sum(len(suite.findall("testcase")) for suite in suites))
    failures = [failure.text for failure in suites[1].findall("testcase/failure[@type='charged-once']")]
    assert len(failures) == 5
    assert "twice for one cart" in (failures[0] or "")
    assert "--scenario special-case-1 --variant phase-2-continuation --customer 9" in (failures[0] or "")
    assert suites[4].findall("testcase/failure") == []
    names = [case.get("name") for case in suites[4].findall("testcase")]
    assert "no-entitlement-without-payment is violated" in names
    assert "no-entitlement-without-payment" not in names


def test_junit_carries_no_text_that_xml_cannot(story: Any, variant: Any, outcome: Any, judged: Any, found: Any,
                                               run_of: Any, tmp_path: Path) -> None:  # fmt: skip
    proof = found(story().bought(), "charged-once", "odd \x00\x1b[1m bytes")
    write_junit(tmp_path / "junit.xml", run_of(outcome(variant(), [story().bought()], [judged("charged-once", proof)])))
    text = ElementTree.parse(tmp_path / "junit.xml").getroot().findtext(".//failure") or ""
    assert "odd ��[1m bytes" in text


class Page(HTMLParser):
    """Collects what a page refers to and whether its elements are closed."""

    VOID = frozenset({"meta", "br", "link", "img", "path", "use", "rect", "line", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "iframe", "img", "link", "object"):
            self.loads.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note(attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def note(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "xlink:href", "src"):
                self.links.append(value or "")


@pytest.fixture(scope="module")
def parsed(html: str) -> Page:
    parser = Page()
    parser.feed(html)
    parser.close()
    return parser


def test_the_page_is_whole_and_loads_nothing(html: str, parsed: Page) -> None:
    assert parsed.open == []
    assert parsed.loads == []
    assert all(link.startswith("#") for link in parsed.links)
    assert not re.search(r"url\(['\"]?(?!#)", html)
    assert len(html.encode()) < 2_000_000


def test_every_link_on_the_page_leads_somewhere(parsed: Page) -> None:
    assert {link[1:] for link in parsed.links} <= set(parsed.ids)


def test_the_first_screen_says_what_matters(html: str) -> None:
    head = html[html.index("<header") : html.index("</header>")]
    for text in ("Not safe as it stands", "60\u202f% → 85\u202f%", "216 → 0", "charged-once is violated"):
        assert text in head
    assert "Conversion drops in phase 2: 45\u202f% against 60\u202f% in phase 0 of A normal week" in head


def test_the_page_tells_findings_from_controls(html: str) -> None:
    findings = html[html.index('id="findings"') : html.index('id="controls"')]
    controls = html[html.index('id="controls"') : html.index('<h2 id="scenarios"')]
    assert "twice for one cart" in findings
    assert "as intended" not in findings
    assert "never succeeded" in controls
    assert "as intended" in controls
    assert findings.count('class="sequence"') == controls.count('class="sequence"') == 1


def test_what_others_wrote_is_text_on_the_page(story: Any, variant: Any, outcome: Any, judged: Any, found: Any,
                                               run_of: Any) -> None:  # fmt: skip
    wicked = "<script>alert(1)</script> pi_1_secret_AbC123"
    one = story().bought().note(1, "subscriptions-api", "rollback", "sub1", state=wicked)
    breach = found(one, "charged-once", wicked, facts=one.facts)
    text = page(
        run_of(outcome(variant(description="<script>alert(2)</script>"), [one], [judged("charged-once", breach)]))
    )
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "AbC123" not in text


def test_a_run_of_nothing_still_makes_a_page(run_of: Any, variant: Any, outcome: Any) -> None:
    assert "Inconclusive" in page(run_of())
    nobody = page(run_of(outcome(variant(), [], complete=False)))
    assert "only 0 of 4 customers were recorded" in nobody


def test_one_phase_alone_makes_a_page(run_of: Any, variant: Any, outcome: Any, story: Any) -> None:
    text = page(run_of(outcome(variant(phase=4), [story(i).bought() for i in range(3)])))
    assert "no phase to compare it with" in text
    assert "Passed" in text
