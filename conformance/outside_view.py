"""The view from outside: what a simulated run would have looked like to somebody who reads a real deployment.

Exact facts are taken away. What can be read is put in their place, as docs/facts.md says: the start and the end by GET
operations, Stripe's side from its ledger in whole seconds, and how the reading went. The end is read either when all
is over, as the world does, or soon after the customer's last act, as somebody does who cannot wait for days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from conformance.evidence import CAPABILITIES, CLOCK, FINAL_READINGS, LEDGER_EVENTS, LEDGER_OBJECTS, WEBHOOKS
from sim.facts import EXACT, LEDGER, OBSERVED, Fact
from sim.time import HOUR_US, SECOND_US, rfc3339

Settled = tuple[int, str, list[Fact]]
"""Number, account and facts of a customer, as a target hands them over."""

Owners = dict[str, tuple[str, list[Fact]]]
"""The account of each intent of a run, and what is known of it."""

READER: Final = "reader"
EVERYTHING: Final = frozenset(CAPABILITIES)
_BOUND_US: Final = 60 * SECOND_US
_STABLE_US: Final = 5 * SECOND_US
_LOOKS_US: Final = 10 * SECOND_US
_ROUNDS: Final = 200
_DAY_US: Final = 25 * HOUR_US
_PURPOSE: Final = ("subscription_ids", "account_id")


@dataclass(frozen=True)
class Outside:
    """Somebody who reads with certain capabilities, when all is over or `soon` after the customer's last act.

    `skew_us`: how far Stripe's clock is ahead of the reader's.
    """

    capabilities: frozenset[str] = EVERYTHING
    soon: bool = False
    skew_us: int = 0

    def views(self, run: Sequence[Settled]) -> list[Settled]:
        """The run as seen from outside, customer by customer."""
        owners: Owners = {}
        for _, account, facts in run:
            for fact in facts:
                if fact.kind in ("intent", "final_intent") and fact.source == EXACT:
                    owners.setdefault(fact.subject, (account, []))[1].append(fact)
        return [(number, account, self._view(account, facts, owners)) for number, account, facts in run]

    def _view(self, account: str, facts: list[Fact], owners: Owners) -> list[Fact]:
        read_us = self._read_us(facts)
        past = [fact for fact in facts if fact.time_us <= read_us and not fact.kind.startswith("final_")]
        seen = [
            *self._ledger(past, read_us),
            *_start(past),
            *(fact for fact in past if fact.source == OBSERVED),
            *self._forged(past),
        ]
        seen.sort(key=lambda fact: fact.time_us)
        settled = Fact(read_us, OBSERVED, READER, "settled", account, state="drained")
        return [*seen, settled, *self._readings(account, read_us), *self._final(account, facts, past, read_us, owners)]

    def _read_us(self, facts: list[Fact]) -> int:
        """When the end is read.

        When all is over and a minute has passed; with a clock that can be moved, a day after the last act. Or soon: a
        minute after the last act, or later, until nothing has moved for five seconds.
        """
        settled_us = next(fact.time_us for fact in facts if fact.kind == "settled")
        if not self.soon:
            last_us = max((fact.time_us for fact in facts if fact.source == OBSERVED), default=0)
            waits_us = _DAY_US if CLOCK in self.capabilities else 0
            return max(settled_us + _BOUND_US + _LOOKS_US, last_us + waits_us)
        read_us = max((fact.time_us for fact in facts if fact.source == OBSERVED), default=0) + _BOUND_US
        for _ in range(_ROUNDS):
            if books(facts, read_us - _STABLE_US) == books(facts, read_us):
                break
            read_us += _STABLE_US
        return read_us

    def _readings(self, account: str, read_us: int) -> Iterable[Fact]:
        for name in FINAL_READINGS:
            source = LEDGER if name in (LEDGER_OBJECTS, LEDGER_EVENTS) else OBSERVED
            if name in self.capabilities:
                yield Fact(read_us, source, READER, "reading", account, None, name, "complete")
            else:
                detail = {"reason": f"the profile has no {name}"}
                yield Fact(read_us, source, READER, "reading", account, None, name, "unsupported", detail=detail)

    def _forged(self, past: Iterable[Fact]) -> Iterable[Fact]:
        for fact in past:
            forged = fact.kind == "webhook" and (fact.detail or {}).get("authentic") is False
            if forged and WEBHOOKS in self.capabilities:
                yield fact._replace(source=OBSERVED)

    # --- Stripe's side ------------------------------------------------------------------------------------------------

    def _ledger(self, past: list[Fact], read_us: int) -> Iterable[Fact]:
        if LEDGER_OBJECTS not in self.capabilities:
            return
        events = LEDGER_EVENTS in self.capabilities
        last: dict[str, str | None] = {}
        for fact in past:
            if fact.actor != "stripe":
                continue
            if fact.kind in ("charge", "refund") or (fact.kind == "payment_method" and events):
                yield self._stamped(fact)
            elif fact.kind == "intent":
                rows = _of_event(fact, past, last, read_us) if events else _of_object(fact, last)
                yield from (self._stamped(row) for row in rows)
                last[fact.subject] = fact.state

    def _stamped(self, fact: Fact) -> Fact:
        """A fact as Stripe stamps it: in whole seconds, by its own clock."""
        time_us = fact.time_us + self.skew_us
        return fact._replace(time_us=time_us - time_us % SECOND_US, source=LEDGER)

    def _final(self, account: str, facts: list[Fact], past: list[Fact], read_us: int, owners: Owners) -> Iterable[Fact]:
        rows = books(facts, read_us) if self.soon else _last_rows(facts)
        for fact in rows:
            if fact.kind == "final_intent":
                if LEDGER_OBJECTS in self.capabilities:
                    detail = {**(fact.detail or {}), "account_id": account}
                    yield fact._replace(time_us=read_us, source=LEDGER, actor=READER, detail=detail)
            elif _READ_BY[fact.kind] in self.capabilities:
                row = fact._replace(time_us=read_us, source=OBSERVED, actor=READER, related=None)
                yield _as_answered(row, past)
        if "billing_history" in self.capabilities:
            yield from _invoices(past, read_us)
        if LEDGER_OBJECTS in self.capabilities:
            yield from _foreign(account, past, rows, read_us, owners)


_READ_BY: Final[Mapping[str, str]] = {
    "final_subscription": "list_subscriptions",
    "final_entitlement": "entitlements",
    "final_payment_method": "payment_methods",
    "final_zone": "zones",
}


def _foreign(account: str, past: list[Fact], rows: Iterable[Fact], read_us: int, owners: Owners) -> Iterable[Fact]:
    """Intents that were named by a secret, and are not the account's own."""
    own = {fact.subject for fact in rows if fact.kind == "final_intent"}
    for intent in dict.fromkeys(fact.subject for fact in past if fact.kind == "secret"):
        if intent in own:
            continue
        owner, known = owners.get(intent, (None, []))
        if owner is None or owner == account:
            yield Fact(read_us, LEDGER, READER, "final_intent", intent, state="not_found")
        else:
            last = known[-1]
            ids: Any = next((dict(fact.detail or {}).get("subscription_ids") for fact in known), [])
            detail = {"subscription_ids": ids, "account_id": owner}
            yield last._replace(
                time_us=read_us, source=LEDGER, actor=READER, kind="final_intent", related=None, detail=detail
            )


def _of_event(fact: Fact, past: list[Fact], last: Mapping[str, str | None], read_us: int) -> Iterable[Fact]:
    """What the events tell: creation with its purpose, then every other status."""
    detail = dict(fact.detail or {})
    if fact.subject in last:
        if (fact.state == last[fact.subject] and "code" not in detail) or fact.state == "requires_confirmation":
            return
        detail = {name: value for name, value in detail.items() if name not in _PURPOSE}
    delivered_us = _delivered_us(fact.subject, past) if fact.state == "succeeded" else None
    if delivered_us is not None and delivered_us <= read_us:
        detail["delivered_by_us"] = delivered_us
        detail["delivered_after_us"] = delivered_us - _LOOKS_US
    yield fact._replace(detail=detail or None)


def _of_object(fact: Fact, last: Mapping[str, str | None]) -> Iterable[Fact]:
    """What the objects tell: when it was made, and, of a payment, when it was cancelled."""
    if fact.subject not in last:
        yield fact._replace(state=None)
    elif fact.state == "canceled" and fact.subject.startswith("pi_"):
        yield fact._replace(detail=None)


def _delivered_us(intent: str, past: Iterable[Fact]) -> int | None:
    """When somebody who looks every few seconds first saw that the event of its success was delivered."""
    for fact in past:
        if (
            fact.kind == "webhook"
            and fact.related == intent
            and fact.state == "delivered"
            and (fact.operation or "").endswith("intent.succeeded")
            and (fact.detail or {}).get("authentic") is not False
        ):
            return fact.time_us - fact.time_us % _LOOKS_US + _LOOKS_US
    return None


# --- the start ------------------------------------------------------------------------------------------------------


def _start(past: Iterable[Fact]) -> Iterable[Fact]:
    for fact in past:
        detail = fact.detail or {}
        if fact.source != EXACT:
            continue
        if fact.kind == "standing":
            yield fact._replace(source=OBSERVED, actor=READER)
        elif not detail.get("at_start"):
            continue
        elif fact.kind == "subscription":
            kept = {name: detail[name] for name in ("rate_plan", "frequency", "zone_id", "at_start") if name in detail}
            yield fact._replace(
                source=OBSERVED, actor=READER, related=None, operation="list_subscriptions", detail=kept
            )
        elif fact.kind == "entitlement":
            kept = {name: detail[name] for name in ("feature", "zone_id", "at_start") if name in detail}
            yield fact._replace(source=OBSERVED, actor=READER, detail=kept)
        elif fact.kind == "zone":
            yield fact._replace(source=OBSERVED, actor=READER)
        elif fact.kind == "account_payment_method":
            yield fact._replace(source=OBSERVED, actor=READER, related=None)


# --- the end --------------------------------------------------------------------------------------------------------


def _last_rows(facts: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.kind.startswith("final_")]


def books(facts: Iterable[Fact], time_us: int) -> list[Fact]:
    """The final rows as they would have been at a moment, put together from the exact facts until then."""
    rows: dict[tuple[str, Any], Fact] = {}
    for fact in facts:
        if fact.source == EXACT and fact.time_us <= time_us and fact.kind in _BOOKED:
            _BOOKED[fact.kind](rows, fact)
    return [fact._replace(time_us=0, source=EXACT, actor="world") for fact in rows.values()]


def _book_subscription(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    key = ("final_subscription", fact.subject)
    before = rows.get(key)
    told = fact.detail or {}
    detail = {name: told[name] for name in ("rate_plan", "frequency", "zone_id") if name in told}
    if before is not None:
        detail = {**detail, "rate_plan": (before.detail or {})["rate_plan"]}
    amount = before.amount_minor if before is not None else fact.amount_minor
    rows[key] = Fact(0, EXACT, "world", *key, None, None, fact.state, None, None, amount, detail)


def _book_plan(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    key = ("final_subscription", fact.subject)
    before = rows.get(key)
    if before is not None and fact.state in ("in_force", "change_applied"):
        detail = {**(before.detail or {}), "rate_plan": (fact.detail or {})["rate_plan"]}
        rows[key] = before._replace(amount_minor=fact.amount_minor, detail=detail)


def _book_entitlement(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    told = fact.detail or {}
    key = ("final_entitlement", fact.subject)
    if told.get("because") == "rollback":
        rows.pop(key, None)
        return
    detail = {name: told[name] for name in ("feature", "zone_id") if name in told}
    rows[key] = Fact(0, EXACT, "world", *key, None, None, fact.state, None, None, None, detail)


def _book_payment_method(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    key = ("final_payment_method", fact.subject)
    if fact.state == "removed":
        rows.pop(key, None)
    else:
        detail = {"type": (fact.detail or {}).get("type"), "attached": True}
        rows[key] = Fact(0, EXACT, "world", *key, None, None, fact.state, None, None, None, detail)


def _book_detached(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    key = ("final_payment_method", fact.subject)
    if key in rows and fact.state == "detached":
        rows[key] = rows[key]._replace(detail={**(rows[key].detail or {}), "attached": False})


def _book_zone(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    key = ("final_zone", fact.subject)
    rows[key] = Fact(0, EXACT, "world", *key, None, None, fact.state)


def _book_intent(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    key = ("final_intent", fact.subject)
    before = rows.get(key)
    detail = dict(before.detail or {}) if before is not None else {"amount_received": 0, "amount_refunded": 0}
    told = fact.detail or {}
    if "subscription_ids" in told:
        detail["subscription_ids"] = told["subscription_ids"]
    if fact.state == "succeeded":
        detail["amount_received"] = told.get("amount_received", fact.amount_minor)
    rows[key] = Fact(0, EXACT, "world", *key, fact.related, None, fact.state, None, None, fact.amount_minor, detail)


def _book_refund(rows: dict[tuple[str, Any], Fact], fact: Fact) -> None:
    before = rows.get(("final_intent", fact.related))
    if before is not None and fact.state == "succeeded":
        detail = dict(before.detail or {})
        detail["amount_refunded"] = detail["amount_refunded"] + (fact.amount_minor or 0)
        rows["final_intent", fact.related] = before._replace(detail=detail)


_BOOKED: Final = {
    "subscription": _book_subscription,
    "plan": _book_plan,
    "entitlement": _book_entitlement,
    "account_payment_method": _book_payment_method,
    "payment_method": _book_detached,
    "zone": _book_zone,
    "intent": _book_intent,
    "refund": _book_refund,
}


def _as_answered(row: Fact, past: Iterable[Fact]) -> Fact:
    """A final row with what GET answers of it, and without what it does not."""
    detail = dict(row.detail or {})
    if row.kind == "final_entitlement":
        since = [
            fact.time_us
            for fact in past
            if fact.kind == "entitlement"
            and fact.source == EXACT
            and fact.subject == row.subject
            and fact.state == "active"
        ]
        if since:
            detail["activated_on"] = rfc3339(since[-1])
            detail["activated_us"] = since[-1] - since[-1] % SECOND_US
    elif row.kind == "final_payment_method":
        detail["valid"] = detail.pop("attached")
    return row._replace(detail=detail)


def _invoices(past: Iterable[Fact], read_us: int) -> Iterable[Fact]:
    last: dict[str, Fact] = {}
    for fact in past:
        if fact.kind == "invoice" and fact.source == EXACT:
            last[fact.subject] = fact
    for fact in last.values():
        ids = (fact.detail or {}).get("subscription_ids")
        yield Fact(
            read_us,
            OBSERVED,
            READER,
            "final_invoice",
            fact.subject,
            None,
            None,
            fact.state,
            None,
            None,
            fact.amount_minor,
            {"subscription_ids": ids},
        )
