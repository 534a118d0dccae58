"""`junit.xml`: what continuous integration shows. A suite for each scenario, a case for each thing that was judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from conformance.redaction import redacted
from conformance.verdict import PropertyVerdict
from reports.conclusion import Checked, Conclusion, conclude_run, shown
from reports.outcome import RunOutcome

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, outcome: RunOutcome) -> None:
    """Write `junit.xml`, at once or not at all."""
    tree = ElementTree.ElementTree(junit(outcome))
    ElementTree.indent(tree)
    partial = path.with_name(f".{path.name}.partial")
    tree.write(partial, encoding="utf-8", xml_declaration=True)
    partial.replace(path)


def junit(outcome: RunOutcome) -> ElementTree.Element:
    """The document's root. Passed is held, failed is violated, skipped is inconclusive; nothing takes any time."""
    by_scenario: dict[str, list[Conclusion]] = {}
    for conclusion in conclude_run(outcome).variants:
        by_scenario.setdefault(conclusion.outcome.scenario, []).append(conclusion)
    root = ElementTree.Element("testsuites", name="gatefall")
    for name, conclusions in by_scenario.items():
        suite = ElementTree.SubElement(root, "testsuite", name=name)
        _properties(suite, outcome, conclusions)
        for conclusion in conclusions:
            _cases(suite, conclusion, outcome)
        _count(suite)
    _count(root)
    return root


def _properties(suite: ElementTree.Element, outcome: RunOutcome, conclusions: Sequence[Conclusion]) -> None:
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (
        ("seed", str(outcome.seed)),
        ("target", outcome.target),
        ("gatefall", outcome.version),
        ("file", conclusions[0].outcome.variant.file),
    ):
        ElementTree.SubElement(properties, "property", name=name, value=value)


def _cases(suite: ElementTree.Element, conclusion: Conclusion, outcome: RunOutcome) -> None:
    for verdict in conclusion.outcome.verdicts:
        if verdict not in conclusion.intended:
            _property_case(suite, conclusion, verdict, outcome)
    for checked in conclusion.expectations:
        _expectation_case(suite, conclusion, checked)
    if not conclusion.outcome.complete:
        case = _case(suite, conclusion, "the run is complete")
        ElementTree.SubElement(case, "skipped", message=_text(conclusion.left_open[0]))


def _property_case(
    suite: ElementTree.Element, conclusion: Conclusion, verdict: PropertyVerdict, outcome: RunOutcome
) -> None:
    case = _case(suite, conclusion, verdict.property)
    if verdict.value == "inconclusive":
        ElementTree.SubElement(case, "skipped", message=_text(verdict.reason))
    elif verdict.value == "violated" and verdict.worst is not None:
        failure = ElementTree.SubElement(case, "failure", type=verdict.property, message=_text(verdict.reason))
        replay = outcome.replay_line(conclusion.outcome, verdict.worst.customer)
        failure.text = _text(
            f"Customer {verdict.worst.customer}, {verdict.severity}.\n{verdict.worst.proof}\nReplay: {replay}\n"
        )


def _expectation_case(suite: ElementTree.Element, conclusion: Conclusion, checked: Checked) -> None:
    case = _case(suite, conclusion, checked.expression)
    found = f"expected {checked.expression}, found {shown(checked.actual)}"
    if checked.verdict == "violated":
        ElementTree.SubElement(case, "failure", type="expectation", message=_text(found)).text = _text(found)
    elif checked.verdict == "inconclusive":
        ElementTree.SubElement(case, "skipped", message=_text(found))


def _case(suite: ElementTree.Element, conclusion: Conclusion, name: str) -> ElementTree.Element:
    outcome = conclusion.outcome
    classname = f"gatefall.{outcome.scenario}.{outcome.slug}"
    return ElementTree.SubElement(suite, "testcase", classname=_text(classname), name=_text(name), time="0")


def _count(element: ElementTree.Element) -> None:
    """The totals that readers of the format expect on every suite."""
    element.set("tests", str(len(element.findall(".//testcase"))))
    element.set("failures", str(len(element.findall(".//failure"))))
    element.set("errors", "0")
    element.set("skipped", str(len(element.findall(".//skipped"))))


def _text(text: str) -> str:
    """Text without secrets and without what XML cannot carry."""
    return _NOT_XML.sub("�", redacted(text))
