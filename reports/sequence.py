"""Sequence diagrams of one customer's history, as inline SVG: who said what to whom, and when.

Rows that a proof rests on are numbered and drawn in vermilion; a message that got lost ends in a cross where it was
lost. Times are those of the facts, so that a row can be looked up; a long pause is said. What tells a reader nothing,
such as the tenth poll, is left out and counted, unless a proof rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from conformance.proof import in_order
from conformance.prose import money, span
from conformance.redaction import redacted
from sim.facts import OBSERVED, Fact
from sim.time import MILLISECOND_US, MINUTE_US, moment

CUSTOMER: Final = "customer"
LIFELINES: Final = (CUSTOMER, "gateway", "subscriptions-api", "billing-webhooks", "stripe")
_TITLES: Final = ("Customer", "Gateway", "Subscriptions API", "Billing webhooks", "Stripe")
MOST_ROWS: Final = 40
"""Beyond these a diagram is no longer read; rows that a proof rests on are always kept."""

_LEFT: Final = 116
_GAP: Final = 158
_RIGHT: Final = 84
_WIDTH: Final = _LEFT + _GAP * (len(LIFELINES) - 1) + _RIGHT
_TOP: Final = 44
_ROW: Final = 30
_PAUSE_ROW: Final = 22
_LONGEST: Final = 52
_LONGEST_ACROSS: Final = 90
_PAUSE_US: Final = MINUTE_US
"""From here on a reader wants to be told that time passed. Assumption."""

_GATEWAY_REFUSALS: Final = (401, 403, 404, 405, 429)
_INK: Final = "#1a1a1a"
_PALE: Final = "#8a8a8a"
_PROOF: Final = "#b34700"
_PROOF_GROUND: Final = "#fdf1e7"
_BROKEN_INK: Final = "#a3123f"

Kind = Literal["arrow", "note", "band"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: an arrow from one lifeline to another, a note on one, or a band across all of them.

    `name`: the request or event that is meant, as the facts call it. `lost`: the message never arrived. `number`: of
    the proof's facts in their order, 0 for a row that it does not rest on.
    """

    time_us: int
    kind: Kind
    source: str
    target: str
    text: str
    number: int = 0
    broken: bool = False
    lost: bool = False
    name: str = ""

    @property
    def proof(self) -> bool:
        """Whether a proof rests on it."""
        return self.number > 0


def sequence_diagram(facts: Sequence[Fact], evidence: Collection[Fact] = ()) -> str:
    """The diagram of a customer's facts in their order, those in `evidence` made to stand out."""
    rows = rows_of(facts, evidence)
    kept, left_out = _most_telling(rows)
    return _svg(kept, left_out)


def rows_of(facts: Sequence[Fact], evidence: Collection[Fact] = ()) -> list[Row]:
    """What is drawn of each fact. Facts that only repeat what another row shows are passed over."""
    reader = _Reader()
    proof = in_order(list(evidence))
    rows = []
    for fact in facts:
        row = reader.row(fact, proof.index(fact) + 1 if fact in proof else 0)
        if row is not None:
            rows.append(row)
    return rows


class _Reader:
    """Turns facts into rows; remembers which intents it has seen, for the first fact of one is its creation."""

    def __init__(self) -> None:
        self._intents: set[str] = set()
        self._ended = False

    def row(self, fact: Fact, number: int) -> Row | None:
        draw = _DRAWN.get(fact.kind)
        if draw is None or (fact.source == OBSERVED and fact.kind in ("subscription", "entitlement") and not number):
            return None
        if fact.kind == "intent" and fact.subject not in self._intents:
            self._intents.add(fact.subject)
            return Row(fact.time_us, "arrow", "subscriptions-api", "stripe", _created(fact), number)
        kind, source, target, text = draw(fact)
        broken = fact.kind == "fault" or fact.state in _BROKEN
        name = fact.subject if fact.kind in ("request", "answer", "webhook") else ""
        return Row(
            fact.time_us, kind, source, target, redacted(text), number, broken, fact.state in _LOST, redacted(name)
        )


_LOST: Final = ("unknown", "dropped", "swallowed")
_BROKEN: Final = (*_LOST, "failed", "gave_up", "never_back", "abandoned")

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
    detail = fact.detail or {}
    forged = detail.get("authentic") is False
    again = " again" if detail.get("duplicate") else ""
    ended = "" if fact.state == "delivered" else f": {_ENDINGS.get(str(fact.state), _plain(fact.state))}"
    sent = f"{'forged ' if forged else ''}{fact.operation or 'event'}{again}{ended}"
    return ("arrow", CUSTOMER if forged else "stripe", "billing-webhooks", sent)


_ENDINGS: Final = {"dropped": "lost", "swallowed": "lost, though 200"}


def _fault(fact: Fact) -> Drawn:
    """A fault, at the service that it keeps from being reached, or from being heard."""
    return _note(f"FAULT {_plain(fact.state)}: {fact.operation or 'any call'}", _lifeline(fact.subject))


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
    "fault": _fault,
    "shown": _of_customer("is shown: "),
    "detour": _of_customer("Billing Profile: payment method "),
    "ticket": _of_customer("support ticket "),
    "outcome": _of_customer("ends: "),
    "settled": _settled,
    "final_subscription": _final("subscription"),
    "final_entitlement": _final("entitlement of"),
    "final_intent": _final("intent"),
}

_DISPENSABLE: Final = ("charge", "event", "payment method")


def _most_telling(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """At most `MOST_ROWS`: repeated polls go first, then what is furthest from the proof; proof always stays."""
    kept = list(_without_repeated_polls(rows))
    if len(kept) > MOST_ROWS:
        kept = [row for row in kept if row.proof or not row.text.startswith(_DISPENSABLE)]
    while len(kept) > MOST_ROWS:
        spare = _furthest_from_proof(kept)
        if spare is None:
            break
        del kept[spare]
    return kept, len(rows) - len(kept)


def _furthest_from_proof(rows: Sequence[Row]) -> int | None:
    """The row that can best be spared, the later of two as far away; None if each is needed. The first one is."""
    proof = [position for position, row in enumerate(rows) if row.proof] or [0]
    spare = [position for position, row in enumerate(rows) if position and not row.proof and row.kind != "band"]
    return max(spare, key=lambda position: (min(abs(position - one) for one in proof), position), default=None)


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


def _clock(time_us: int) -> str:
    """The time of day, as proofs give it."""
    return f"{moment(time_us):%H:%M:%S}.{time_us // MILLISECOND_US % 1000:03d}"


def _svg(rows: Sequence[Row], left_out: int) -> str:
    start_us = rows[0].time_us if rows else 0
    body: list[str] = []
    y = _TOP + _ROW - 8
    before_us = start_us
    for row in rows:
        if row.time_us - before_us >= _PAUSE_US:
            body.append(_draw_pause(y - 12, before_us, row.time_us))
            y += _PAUSE_ROW
        before_us = row.time_us
        body.extend(_draw(row, y))
        y += _ROW
    height = y + (22 if left_out else 0)
    parts = [
        f'<svg class="sequence" role="img" viewBox="0 0 {_WIDTH} {height}" '
        f'aria-label="Sequence diagram of what happened, beginning {moment(start_us):%Y-%m-%d %H:%M:%S} UTC">',
        f'<text x="2" y="18" fill="{_PALE}" font-size="10">{moment(start_us):%Y-%m-%d} UTC</text>',
    ]
    for position, title in enumerate(_TITLES):
        x = _LEFT + _GAP * position
        parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 8}" stroke="#c8c8c8" stroke-width="1"/>')
        parts.append(f'<text x="{x}" y="18" text-anchor="middle" font-weight="600">{title}</text>')
    parts += body
    if left_out:
        says = "1 row that tells less is" if left_out == 1 else f"{left_out} rows that tell less are"
        parts.append(f'<text x="4" y="{height - 6}" fill="{_PALE}">{says} left out.</text>')
    return "".join([*parts, "</svg>"])


def _draw_pause(y: int, before_us: int, after_us: int) -> str:
    """That time passed, and a new date where one began."""
    date = f"{moment(after_us):%Y-%m-%d}"
    said = f"{span(after_us - before_us)} later" + ("" if date == f"{moment(before_us):%Y-%m-%d}" else f", {date}")
    return (
        f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="{_PALE}" stroke-dasharray="1 5"/>'
        f'<text x="2" y="{y + 4}" fill="{_PALE}" font-size="10" font-style="italic">{said}</text>'
    )


def _draw(row: Row, y: int) -> Iterator[str]:
    colour = _PROOF if row.proof else _INK
    weight = ' font-weight="600"' if row.proof else ""
    longest = _LONGEST_ACROSS if row.kind == "band" else _LONGEST
    text = escape(row.text if len(row.text) <= longest else row.text[: longest - 1] + "…")
    if row.proof:
        yield f'<rect x="0" y="{y - 16}" width="{_WIDTH}" height="{_ROW - 4}" fill="{_PROOF_GROUND}"/>'
        yield f'<circle cx="{_WIDTH - 14}" cy="{y - 3}" r="9" fill="{_PROOF}"/>'
        yield (
            f'<text x="{_WIDTH - 14}" y="{y + 1}" text-anchor="middle" fill="#fff" font-weight="600" '
            f'style="stroke:none">{row.number}</text>'
        )
    yield f'<text x="2" y="{y + 4}" fill="{_PROOF if row.proof else _PALE}" font-size="10">{_clock(row.time_us)}</text>'
    if row.name:
        yield from _draw_name(row, y)
    if row.kind == "band":
        yield f'<rect x="{_LEFT}" y="{y - 11}" width="{_WIDTH - _LEFT - _RIGHT}" height="20" fill="#f2f2f2"/>'
        yield f'<text x="{_WIDTH / 2}" y="{y + 4}" text-anchor="middle" fill="{colour}"{weight}>{text}</text>'
        return
    start, end = (_LEFT + _GAP * LIFELINES.index(name) for name in (row.source, row.target))
    if row.kind == "note":
        yield from _draw_note(start, y, text, _BROKEN_INK if row.broken and not row.proof else colour, weight)
    else:
        yield from _draw_arrow(row, start, end, y, text, colour, weight)


def _draw_name(row: Row, y: int) -> Iterator[str]:
    """A request's name stands beside the customer, an event's beside Stripe."""
    of_stripe = row.source == "stripe"
    anchor, x = ("start", _LEFT + _GAP * (len(LIFELINES) - 1) + 6) if of_stripe else ("end", _LEFT - 10)
    text = escape(f"…{row.name[-6:]}" if of_stripe else _short(row.name))
    yield f'<text x="{x}" y="{y + 4}" text-anchor="{anchor}" fill="{_PALE}" font-size="9">{text}</text>'


def _draw_arrow(row: Row, start: int, end: int, y: int, text: str, colour: str, weight: str) -> Iterator[str]:
    """A message. One that got lost ends in a cross, two thirds of the way."""
    dash = ' stroke-dasharray="4 3"' if row.broken else ""
    tip = start + (end - start) * 2 // 3 if row.lost else end - 7 if end > start else end + 7
    yield f'<line x1="{start}" y1="{y}" x2="{tip}" y2="{y}" stroke="{colour}" stroke-width="1.4"{dash}/>'
    if row.lost:
        yield (
            f'<path d="M{tip - 5} {y - 5} L{tip + 5} {y + 5} M{tip - 5} {y + 5} L{tip + 5} {y - 5}" '
            f'stroke="{_BROKEN_INK}" stroke-width="2.2" fill="none"/>'
        )
    else:
        yield f'<path d="M{end} {y} L{tip} {y - 4} L{tip} {y + 4} Z" fill="{colour}"/>'
    if "gateway" not in (row.source, row.target) and min(start, end) == _LEFT and abs(end - start) == 2 * _GAP:
        yield f'<circle cx="{_LEFT + _GAP}" cy="{y}" r="2.6" fill="{colour}"/>'
    middle = (start + end) / 2
    yield f'<text x="{middle}" y="{y - 5}" text-anchor="middle" fill="{colour}"{weight}>{text}</text>'


def _draw_note(x: int, y: int, text: str, colour: str, weight: str) -> Iterator[str]:
    """A note beside its lifeline; on the last ones it stands to the left, where there is room."""
    left = x >= _LEFT + _GAP * (len(LIFELINES) - 2)
    anchor, at = ("end", x - 8) if left else ("start", x + 8)
    yield f'<circle cx="{x}" cy="{y}" r="3.4" fill="{colour}"/>'
    yield f'<text x="{at}" y="{y + 4}" text-anchor="{anchor}" fill="{colour}"{weight}>{text}</text>'
