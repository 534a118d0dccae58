"""Sequence diagrams of one customer's history, as inline SVG: who said what to whom, and when.

Rows that a proof rests on are drawn in vermilion. What tells a reader nothing, such as the tenth poll, is left out and
counted, unless a proof rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from conformance.prose import money
from conformance.redaction import redacted
from sim.facts import OBSERVED, Fact
from sim.time import MINUTE_US, SECOND_US, moment

CUSTOMER: Final = "customer"
LIFELINES: Final = (CUSTOMER, "gateway", "subscriptions-api", "billing-webhooks", "stripe")
_TITLES: Final = ("Customer", "Gateway", "Subscriptions API", "Billing webhooks", "Stripe")
MOST_ROWS: Final = 40
"""Beyond these a diagram is no longer read; rows that a proof rests on are always kept."""

_LEFT: Final = 84
_GAP: Final = 158
_WIDTH: Final = _LEFT + _GAP * (len(LIFELINES) - 1) + 84
_TOP: Final = 44
_ROW: Final = 30
_LONGEST: Final = 46

_GATEWAY_REFUSALS: Final = (401, 403, 404, 405, 429)
_INK: Final = "#1a1a1a"
_PALE: Final = "#8a8a8a"
_PROOF: Final = "#b34700"

Kind = Literal["arrow", "note", "band"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: an arrow from one lifeline to another, a note on one, or a band across all of them."""

    time_us: int
    kind: Kind
    source: str
    target: str
    text: str
    proof: bool = False
    broken: bool = False


def sequence_diagram(facts: Sequence[Fact], evidence: Collection[Fact] = ()) -> str:
    """The diagram of a customer's facts in their order, those in `evidence` made to stand out."""
    rows = rows_of(facts, evidence)
    kept, left_out = _most_telling(rows)
    return _svg(kept, left_out)


def rows_of(facts: Sequence[Fact], evidence: Collection[Fact] = ()) -> list[Row]:
    """What is drawn of each fact. Facts that only repeat what another row shows are passed over."""
    reader = _Reader()
    rows = []
    for fact in facts:
        proof = any(fact == one for one in evidence)
        row = reader.row(fact, proof)
        if row is not None:
            rows.append(row)
    return rows


class _Reader:
    """Turns facts into rows; remembers which intents it has seen, for the first fact of one is its creation."""

    def __init__(self) -> None:
        self._intents: set[str] = set()
        self._ended = False

    def row(self, fact: Fact, proof: bool) -> Row | None:
        draw = _DRAWN.get(fact.kind)
        if draw is None or (fact.source == OBSERVED and fact.kind in ("subscription", "entitlement") and not proof):
            return None
        if fact.kind == "intent" and fact.subject not in self._intents:
            self._intents.add(fact.subject)
            return Row(fact.time_us, "arrow", "subscriptions-api", "stripe", _created(fact), proof)
        kind, source, target, text = draw(fact)
        broken = fact.state in ("unknown", "dropped", "failed", "gave_up", "never_back", "abandoned")
        return Row(fact.time_us, kind, source, target, redacted(text), proof, broken)


Drawn = tuple[Kind, str, str, str]


def _lifeline(actor: str) -> str:
    return actor if actor in LIFELINES else CUSTOMER


def _note(text: str, at: str) -> Drawn:
    return ("note", at, at, text)


def _attempt(fact: Fact) -> Drawn:
    detail: Mapping[str, object] = fact.detail or {}
    products = detail.get("products")
    cart = " + ".join(str(name) for name in products) if isinstance(products, (list, tuple)) else ""
    return _note(f"wants {cart or 'to buy'} ({fact.actor})", CUSTOMER)


def _request(fact: Fact) -> Drawn:
    return ("arrow", CUSTOMER, "subscriptions-api", fact.operation or "request")


def _answer(fact: Fact) -> Drawn:
    if fact.state == "unknown":
        return ("arrow", "gateway", CUSTOMER, f"{fact.operation}: no answer in time")
    origin = "gateway" if fact.status in _GATEWAY_REFUSALS and fact.code in (None, 971, 7001, 7003, 10000) else ""
    code = f" / {fact.code}" if fact.code else ""
    return ("arrow", origin or "subscriptions-api", CUSTOMER, f"{fact.status or 'answer'}{code}")


def _confirm(fact: Fact) -> Drawn:
    how = (fact.detail or {}).get("payment_method")
    return ("arrow", CUSTOMER, "stripe", f"confirm{f' with {how}' if how else ''}: {_plain(fact.state)}")


def _page(fact: Fact) -> Drawn:
    """A challenge or a redirect: Stripe sends the customer to a page, or the customer comes to an end there."""
    text = f"{fact.kind} {_plain(fact.state)}"
    if fact.state in ("shown", "left", "returned"):
        return ("arrow", "stripe", CUSTOMER, text)
    return ("arrow", CUSTOMER, "stripe", text)


def _created(fact: Fact) -> str:
    return f"create {_short(fact.subject)}{_amount(fact)}: {_plain(fact.state)}"


def _intent(fact: Fact) -> Drawn:
    detail = fact.detail or {}
    code = detail.get("decline_code") or detail.get("code")
    ended = f"declined ({code})" if code else f"{_plain(fact.state)}{_amount(fact)}"
    return _note(f"{_short(fact.subject)} {ended}", "stripe")


def _webhook(fact: Fact) -> Drawn:
    again = " again" if (fact.detail or {}).get("duplicate") else ""
    ended = "" if fact.state == "delivered" else f": {_plain(fact.state)}"
    return ("arrow", "stripe", "billing-webhooks", f"{fact.operation or 'event'}{again}{ended}")


def _of_service(what: str) -> Callable[[Fact], Drawn]:
    def draw(fact: Fact) -> Drawn:
        return _note(f"{what} {_short(fact.subject)} {_plain(fact.state)}{_amount(fact)}", _lifeline(fact.actor))

    return draw


def _entitlement(fact: Fact) -> Drawn:
    """With its feature: during an upgrade one subscription has two."""
    feature = (fact.detail or {}).get("feature")
    what = f"entitlement {feature}" if feature else f"entitlement of {_short(fact.subject)}"
    return _note(f"{what} {_plain(fact.state)}", _lifeline(fact.actor))


def _refund(fact: Fact) -> Drawn:
    return ("arrow", "stripe", CUSTOMER, f"refund{_amount(fact)}")


def _of_customer(what: str) -> Callable[[Fact], Drawn]:
    return lambda fact: _note(f"{what}{_plain(fact.state)}", CUSTOMER)


def _settled(fact: Fact) -> Drawn:
    text = "everything has settled" if fact.state == "drained" else "the run was cut off"
    return ("band", CUSTOMER, "stripe", text)


def _final(what: str) -> Callable[[Fact], Drawn]:
    def draw(fact: Fact) -> Drawn:
        return ("band", CUSTOMER, "stripe", f"in the end: {what} {_short(fact.subject)} is {_plain(fact.state)}")

    return draw


_DRAWN: Final[Mapping[str, Callable[[Fact], Drawn]]] = {
    "attempt": _attempt,
    "request": _request,
    "answer": _answer,
    "confirm": _confirm,
    "challenge": _page,
    "redirect": _page,
    "intent": _intent,
    "charge": _of_service("charge"),
    "refund": _refund,
    "webhook": _webhook,
    "event": _of_service("event"),
    "subscription": _of_service("subscription"),
    "plan": _of_service("plan of"),
    "entitlement": _entitlement,
    "rollback": _of_service("rollback of"),
    "zone": _of_service("zone"),
    "gate": _of_service("gate on"),
    "account_payment_method": _of_service("payment method"),
    "fault": _of_service("fault at"),
    "shown": _of_customer("is shown: "),
    "detour": _of_customer("Billing Profile: payment method "),
    "ticket": _of_customer("support ticket "),
    "outcome": _of_customer("ends: "),
    "settled": _settled,
    "final_subscription": _final("subscription"),
    "final_entitlement": _final("entitlement of"),
    "final_intent": _final("intent"),
}

_DISPENSABLE: Final = ("charge", "event", "payment method", "fault at")


def _most_telling(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """At most `MOST_ROWS`: repeated polls go first, then the end of what is left; proof always stays."""
    kept = list(_without_repeated_polls(rows))
    if len(kept) > MOST_ROWS:
        kept = [row for row in kept if row.proof or not row.text.startswith(_DISPENSABLE)]
    while len(kept) > MOST_ROWS:
        spare = next((row for row in reversed(kept) if not row.proof and row.kind != "band"), None)
        if spare is None:
            break
        kept.remove(spare)
    return kept, len(rows) - len(kept)


def _without_repeated_polls(rows: Sequence[Row]) -> Iterator[Row]:
    """Of a poll and its answer that come again and again, the first of each run."""
    seen: list[str] = []
    for row in rows:
        if row.kind == "arrow" and CUSTOMER in (row.source, row.target) and not row.proof:
            if seen[-2:].count(row.text) and len(seen) >= 2:
                continue
            seen.append(row.text)
        else:
            seen.clear()
        yield row


def _short(identity: str) -> str:
    """An id that fits: its end tells it from its neighbours."""
    return identity if len(identity) <= 18 else f"{identity[:5]}…{identity[-6:]}"


def _plain(state: str | None) -> str:
    return "" if state is None else redacted(state).replace("_", " ")


def _amount(fact: Fact) -> str:
    return "" if fact.amount_minor is None else f" {money(fact.amount_minor)}"


def _since(time_us: int) -> str:
    """Time since the start as a diagram's margin has room for."""
    if time_us < 10 * SECOND_US:
        return f"+{time_us / SECOND_US:.2f} s"
    if time_us < 2 * MINUTE_US:
        return f"+{time_us / SECOND_US:.1f} s"
    minutes = time_us // MINUTE_US
    if minutes < 120:
        return f"+{minutes} min"
    return f"+{minutes / 60:.1f} h"


def _svg(rows: Sequence[Row], left_out: int) -> str:
    start_us = rows[0].time_us if rows else 0
    height = _TOP + _ROW * (len(rows) + 1) + (22 if left_out else 0)
    parts = [
        f'<svg class="sequence" role="img" viewBox="0 0 {_WIDTH} {height}" '
        f'aria-label="Sequence diagram of what happened, beginning {moment(start_us):%Y-%m-%d %H:%M:%S} UTC">'
    ]
    for position, title in enumerate(_TITLES):
        x = _LEFT + _GAP * position
        parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 8}" stroke="#c8c8c8" stroke-width="1"/>')
        parts.append(f'<text x="{x}" y="18" text-anchor="middle" font-weight="600">{title}</text>')
    for number, row in enumerate(rows):
        parts.extend(_draw(row, _TOP + _ROW * (number + 1) - 8, start_us))
    if left_out:
        says = "1 row that tells less is" if left_out == 1 else f"{left_out} rows that tell less are"
        parts.append(f'<text x="4" y="{height - 6}" fill="{_PALE}">{says} left out.</text>')
    return "".join([*parts, "</svg>"])


def _draw(row: Row, y: int, start_us: int) -> Iterator[str]:
    colour = _PROOF if row.proof else _INK
    weight = ' font-weight="600"' if row.proof else ""
    text = escape(row.text if len(row.text) <= _LONGEST else row.text[: _LONGEST - 1] + "…")
    yield f'<text x="2" y="{y + 4}" fill="{_PALE}" font-size="10">{_since(row.time_us - start_us)}</text>'
    if row.kind == "band":
        yield f'<rect x="{_LEFT}" y="{y - 11}" width="{_WIDTH - _LEFT - 84}" height="20" fill="#f2f2f2"/>'
        yield f'<text x="{_WIDTH / 2}" y="{y + 4}" text-anchor="middle" fill="{colour}"{weight}>{text}</text>'
        return
    start, end = (_LEFT + _GAP * LIFELINES.index(name) for name in (row.source, row.target))
    if row.kind == "note":
        yield from _draw_note(start, y, text, colour, weight)
        return
    dash = ' stroke-dasharray="4 3"' if row.broken else ""
    tip = end - 7 if end > start else end + 7
    yield f'<line x1="{start}" y1="{y}" x2="{tip}" y2="{y}" stroke="{colour}" stroke-width="1.4"{dash}/>'
    yield f'<path d="M{end} {y} L{tip} {y - 4} L{tip} {y + 4} Z" fill="{colour}"/>'
    if "gateway" not in (row.source, row.target) and min(start, end) == _LEFT and abs(end - start) == 2 * _GAP:
        yield f'<circle cx="{_LEFT + _GAP}" cy="{y}" r="2.6" fill="{colour}"/>'
    middle = (start + end) / 2
    yield f'<text x="{middle}" y="{y - 5}" text-anchor="middle" fill="{colour}"{weight}>{text}</text>'


def _draw_note(x: int, y: int, text: str, colour: str, weight: str) -> Iterator[str]:
    """A note beside its lifeline; on the last one it stands to the left, where there is room."""
    last = x == _LEFT + _GAP * (len(LIFELINES) - 1)
    anchor, at = ("end", x - 8) if last else ("start", x + 8)
    yield f'<circle cx="{x}" cy="{y}" r="3.4" fill="{colour}"/>'
    yield f'<text x="{at}" y="{y + 4}" text-anchor="{anchor}" fill="{colour}"{weight}>{text}</text>'
