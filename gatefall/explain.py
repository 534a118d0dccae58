"""`gatefall explain`: what a property means, and why anybody should care."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from gatefall.columns import in_columns

if TYPE_CHECKING:
    from conformance.evidence import Evidence


@click.command(short_help="Say what a property means, why it matters and what proves a breach.")
@click.argument("name", required=False, metavar="[PROPERTY]")
def explain(name: str | None) -> None:
    """Say what a property means: its statement, why it matters, at which tiers it is judged, and from what evidence.

    The evidence comes twice: as the simulated world and the mock have it, and as it is read of a real deployment.

    Without an argument, list all properties with one sentence each.

    \b
    Example:
      gatefall explain no-entitlement-without-payment
    """
    from conformance.evidence import EVIDENCE
    from conformance.properties import PROPERTIES

    if name is None:
        click.echo(in_columns((prop.id, prop.title) for prop in PROPERTIES.values()))
        return
    prop = PROPERTIES.get(name)
    if prop is None:
        raise _unknown(name)
    paragraphs = (
        ("Why", prop.why),
        ("Tiers", ", ".join(prop.tiers)),
        ("Severity", prop.severity),
        ("Evidence", prop.evidence),
        *_outside(EVIDENCE[prop.id]),
        ("Example", prop.example),
        ("Worst is", prop.magnitude),
    )
    click.echo(f"{prop.id}: {prop.title}\n")
    click.echo(_wrapped(prop.statement, ""))
    for heading, text in paragraphs:
        click.echo()
        click.echo(_wrapped(text, f"{heading + ':':<10}"))


def _outside(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """How it is judged from outside, with what, and what is not seen."""
    yield "Outside", evidence.outside
    if evidence.to_accuse or evidence.besides:
        yield "Judged", f"there only with: {_listed((*evidence.to_accuse, *evidence.besides))}."
    if evidence.to_hold:
        yield "Held", f"there only with{' also' if evidence.to_accuse else ''}: {_listed(evidence.to_hold)}."
    if evidence.blind is not None:
        yield "Unseen", f"{evidence.blind}."


def _listed(capabilities: Iterable[str]) -> str:
    return ", ".join(capabilities)


def _unknown(name: str) -> click.ClickException:
    from conformance.properties import PROPERTIES
    from gatefall.mistakes import unknown_name

    return unknown_name("property", name, PROPERTIES, "gatefall explain")


def _wrapped(text: str, first: str) -> str:
    import textwrap

    return textwrap.fill(text, 100, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
