"""Whether what failed once fails again: what `gatefall replay` says of each property."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.finding import Finding
    from conformance.verdict import PropertyVerdict
    from sim.facts import Fact


def compared(before: Collection[str] | None, now: Sequence[PropertyVerdict], facts: Sequence[Fact]) -> Iterator[str]:
    """One line for each property that is violated now, or was before; then each proof, with its requests.

    `before`: the ids of the properties that were violated, None where nobody recorded that. `facts`: those of now.
    """
    known = frozenset(before or ())
    violated_now = {verdict.property: verdict for verdict in now if verdict.value == "violated"}
    for name, verdict in violated_now.items():
        word = "still failing" if name in known else "failing" if before is None else "newly failing"
        assert verdict.worst is not None
        yield f"{word}: {name}: {verdict.worst.proof}"
    for verdict in now:
        if verdict.property in known and verdict.property not in violated_now:
            if verdict.because in ("undecided", "crashed"):  # out of sight is not fixed
                yield f"inconclusive: {verdict.property}: {verdict.reason}"
            else:
                yield f"fixed: {verdict.property} ({verdict.reason})"
        elif verdict.crash is not None:
            yield f"inconclusive: {verdict.property}: {verdict.reason}"
    if not known and not violated_now:
        yield "no property is violated for this customer"
    yield from _proofs([verdict.worst for verdict in violated_now.values() if verdict.worst is not None], facts)


def _proofs(findings: Sequence[Finding], facts: Sequence[Fact]) -> Iterator[str]:
    from conformance.proof import told_of

    for finding in findings:
        yield ""
        yield told_of(finding, facts)
    if findings:
        yield ""
