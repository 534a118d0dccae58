"""A finding told to a person who doubts it: the argument, the facts it rests on, what was going wrong, the requests."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from conformance.curl import MEANINGS, CurlLine, curl_lines, variables_in
from conformance.finding import Finding
from conformance.history import History
from conformance.narration import timeline
from conformance.properties import PROPERTIES
from conformance.prose import clock, listed
from conformance.redaction import redacted
from sim.facts import Fact

WIDTH = 110
"""Columns to which sentences are folded. Facts and commands are left whole, for searching and copying."""


def told(finding: Finding, history: History) -> str:
    """The whole proof as text: for terminals, and for pytest failures. It holds no secret."""
    return told_of(finding, history.facts)


def told_of(finding: Finding, facts: Sequence[Fact]) -> str:
    """As `told`, of the facts alone; where they were not kept, those of the finding have to do."""
    return "\n".join(_lines(finding, facts or finding.facts))


def commands(finding: Finding, facts: Sequence[Fact]) -> list[CurlLine]:
    """The requests that lead to a finding: all of them up to the last fact that it rests on."""
    return curl_lines(facts, finding.facts, _last_us(finding))


def _last_us(finding: Finding) -> int:
    """The moment up to which what happened belongs to the proof."""
    return max([fact.time_us for fact in finding.facts], default=finding.time_us)


def variable_lines(lines: Sequence[CurlLine]) -> list[str]:
    """What to set before the commands can be run."""
    return [f"{name}: {MEANINGS.get(name, 'the secret that stood here')}" for name in variables_in(lines)]


FRESH_ACCOUNT = (
    "Ids and idempotency keys are those of the run: make a fresh account, and put the ids that it is answered in "
    "their place."
)


def _lines(finding: Finding, facts: Sequence[Fact]) -> Iterator[str]:
    described = PROPERTIES.get(finding.property)
    yield f"{finding.property} ({finding.severity}, {finding.tier}): customer {finding.customer}, {finding.account}"
    if described is not None:
        yield from _folded(f"Promised: {described.statement}", "")
    yield ""
    yield from _folded(redacted(finding.proof))
    yield ""
    yield "The facts:"
    for line in timeline(in_order(finding.facts)):
        yield f"  {redacted(line)}"
    amiss = what_went_wrong(finding, facts)
    if amiss:
        yield ""
        yield from _folded(amiss, "")
    lines = commands(finding, facts)
    if lines:
        yield ""
        marks = " (> marks those that the proof rests on)" if any(one.proof for one in lines) else ""
        yield from _folded(f"The requests{marks}. {FRESH_ACCOUNT}", "")
        for line in variable_lines(lines):
            yield f"  {line}"
        for one in lines:
            yield f"  {'>' if one.proof else ' '} # {one.comment}"
            if one.command:
                yield f"    {one.command}"


def in_order(facts: Sequence[Fact]) -> list[Fact]:
    """Facts by time, each once: a proof names them in the order of its argument."""
    each: list[Fact] = []
    for fact in facts:
        if fact not in each:
            each.append(fact)
    return sorted(each, key=lambda fact: fact.time_us)


def what_went_wrong(finding: Finding, facts: Sequence[Fact]) -> str:
    """The faults that had struck by then, in a sentence; empty if none had. A sceptic asks for them first."""
    until_us = _last_us(finding)
    struck = [fact for fact in facts if fact.kind == "fault" and fact.time_us <= until_us]
    if not struck:
        return ""
    counts = Counter(f"{_plain(fact.state)} at {fact.subject} ({fact.operation})" for fact in struck)
    named = (what if count == 1 else f"{what} {count} times" for what, count in counts.most_common())
    return f"Faults that had struck by then, the last at {clock(struck[-1].time_us)}: {listed(named)}."


def _plain(state: str | None) -> str:
    return (state or "").replace("_", " ")


def _folded(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
