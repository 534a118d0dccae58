"""Hand-made histories: a plain checkout that every property is content with, and the means to spoil it."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.circumstances import Circumstances
from conformance.history import History
from conformance.properties import PROPERTIES
from conformance.property import Judgement
from sim.facts import EXACT, OBSERVED, Fact

SECOND = 1_000_000
HOUR = 3600 * SECOND
ACCOUNT = "acct00000007"
OBSERVED_KINDS = (
    "attempt",
    "step",
    "request",
    "answer",
    "secret",
    "confirm",
    "challenge",
    "redirect",
    "shown",
    "detour",
    "ticket",
    "outcome",
)
ACTORS = {
    "intent": "stripe",
    "charge": "stripe",
    "refund": "stripe",
    "payment_method": "stripe",
    "webhook": "stripe",
    "event": "billing-webhooks",
    "settled": "world",
    "fault": "world",
}


class Story:
    """Facts under construction. Times are seconds since the epoch; facts are sorted by time, ties as they were told."""

    def __init__(self, **circumstances: Any) -> None:
        settings: dict[str, Any] = {"phase": 3, "regime": "continuation", "front_end": "inline", "pm_gate": True}
        self.circumstances = Circumstances(**{**settings, **circumstances})
        self.facts: list[Fact] = []

    def tell(self, at: float, kind: str, subject: str, **columns: Any) -> Story:
        """Add a fact. `detail` members may be given as keyword `detail`; the source and the actor go by the kind."""
        observed = kind in OBSERVED_KINDS
        columns.setdefault("source", OBSERVED if observed else EXACT)
        client = "unified-checkout" if columns["source"] == OBSERVED else "subscriptions-api"
        columns.setdefault("actor", "world" if kind.startswith("final_") else ACTORS.get(kind, client))
        self.facts.append(Fact(round(at * SECOND), kind=kind, subject=subject, **columns))
        return self

    def show(self, at: float, subscription: str, request: str, state: str, price: int | None, **more: Any) -> Story:
        """A subscription as an answer shows it."""
        operation = more.pop("operation", "bulk_create")
        detail = {"rate_plan": more.pop("rate_plan", "workers_paid"), "frequency": "monthly", **more}
        return self.tell(
            at,
            "subscription",
            subscription,
            source=OBSERVED,
            related=request,
            operation=operation,
            state=state,
            amount_minor=price,
            detail=detail,
        )

    def send(self, at: float, request: str, operation: str = "bulk_create", **more: Any) -> Story:
        """A request of attempt a1."""
        actor = more.pop("actor", "unified-checkout")
        attempt = more.pop("attempt", "a1")
        detail = {"method": "POST", "path": "/", "body": {"user_is_on_session": True}, **more}
        return self.tell(at, "request", request, related=attempt, operation=operation, actor=actor, detail=detail)

    def reply(
        self, at: float, request: str, operation: str = "bulk_create", status: int | None = 200, **more: Any
    ) -> Story:
        """The answer to a request."""
        state = "unknown" if status is None else "ok" if status < 300 else "refused"
        columns = {"related": "a1", "operation": operation, "state": state, "status": status, **more}
        return self.tell(at, "answer", request, **columns)

    def refuse(self, at: float, request: str, operation: str = "bulk_create", **more: Any) -> Story:
        """A rejection by the gate."""
        return self.reply(at, request, operation, **{"status": 402, "code": 1210, **more})

    def drop(self, kind: str, **match: Any) -> Story:
        """Take facts back. Fails if there is none."""
        kept = [fact for fact in self.facts if not _matches(fact, kind, match)]
        assert len(kept) < len(self.facts), (kind, match)
        self.facts = kept
        return self

    def alter(self, kind: str, match: dict[str, Any] | None = None, **columns: Any) -> Story:
        """Change columns of facts. `at` moves them. Fails if there is none."""
        if "at" in columns:
            columns["time_us"] = round(columns.pop("at") * SECOND)
        changed = [fact._replace(**columns) if _matches(fact, kind, match or {}) else fact for fact in self.facts]
        assert changed != self.facts, (kind, match, columns)
        self.facts = changed
        return self

    def history(self, customer: int = 7) -> History:
        """The history as told so far."""
        return History(customer, ACCOUNT, sorted(self.facts, key=lambda fact: fact.time_us), self.circumstances)

    def judge(self, property_id: str) -> Judgement:
        """The judgement of one property."""
        return PROPERTIES[property_id].judge(self.history())

    def plain(self, settled_at: float = 7200.0) -> Story:
        """Unified Checkout, one line of 5.00 USD, no payment method on file, a card that succeeds at once."""
        self.begin()
        self.bought()
        self.paid()
        self.seen()
        return self.finish("Provisioned", "active", "succeeded", at=settled_at)

    def begin(self, at: float = 0, lines: int = 1, **detail: Any) -> Story:
        """Attempt a1."""
        products = detail.pop("products", ["workers_paid"] * lines)
        whole = {"client": "unified-checkout", "pm_on_file": "none", "products": products, "lines": lines, **detail}
        self.tell(at, "attempt", "a1", detail=whole)
        return self.tell(at, "step", "a1", state="started")

    def bought(self, at: float = 10.0) -> Story:
        """r1 makes s1 and its intent pi_1."""
        self.send(at, "r1", idempotency_key="k1")
        made = {"subscription_ids": ["s1"], "account_id": ACCOUNT}
        self.tell(at + 0.3, "intent", "pi_1", state="requires_payment_method", amount_minor=500, detail=made)
        self.state(at + 0.5, "s1", "AwaitingPayment")
        self.reply(at + 1, "r1", detail={"client_secrets": 1})
        self.show(at + 1, "s1", "r1", "AwaitingPayment", 500)
        return self.tell(at + 1, "secret", "pi_1", related="r1", operation="bulk_create", detail={"well_formed": True})

    def state(self, at: float, subscription: str, state: str, related: str | None = "pi_1", **more: Any) -> Story:
        """A subscription's state, as the service has it."""
        detail = {"rate_plan": "workers_paid", "frequency": "monthly", "operation": "bulk_create"}
        detail.update(more.pop("detail", {}))
        more.setdefault("amount_minor", 500)
        return self.tell(at, "subscription", subscription, related=related, state=state, detail=detail, **more)

    def paid(self, at: float = 40.0) -> Story:
        """pi_1 succeeds, its event arrives a second later, and s1 is provisioned."""
        paid_with = {"payment_method": "pm_1", "amount_received": 500}
        self.tell(at - 0.5, "intent", "pi_1", state="succeeded", amount_minor=500, detail=paid_with)
        self.tell(at - 0.5, "charge", "ch_1", related="pi_1", state="succeeded", amount_minor=500)
        self.tell(at - 0.5, "payment_method", "pm_1", related="cus_1", state="attached", detail={"type": "card"})
        self.tell(
            at,
            "confirm",
            "pi_1",
            related="a1",
            operation="confirm_payment",
            state="succeeded",
            status=200,
            detail={"payment_method": "card", "try": 1},
        )
        return self.provisioned(at + 1)

    def provisioned(self, at: float) -> Story:
        """The success of pi_1 is applied to s1."""
        success = {"related": "pi_1", "operation": "payment_intent.succeeded"}
        webhooks = "billing-webhooks"
        self.tell(at, "event", "evt_1", state="applied", **success)
        self.state(at, "s1", "Paid", actor=webhooks)
        self.state(at, "s1", "Provisioned", actor=webhooks)
        self.tell(at, "plan", "s1", related="pi_1", state="in_force", amount_minor=500, actor=webhooks)
        self.tell(
            at,
            "entitlement",
            "s1",
            state="active",
            actor=webhooks,
            detail={"feature": "workers_paid", "because": "payment"},
        )
        self.tell(at, "account_payment_method", "pm_1", state="on_file", actor=webhooks, detail={"type": "card"})
        self.tell(at, "account_payment_method", "pm_1", state="default", actor=webhooks, detail={"type": "card"})
        self.tell(at, "invoice", "i1", related="pi_1", state="paid", amount_minor=500, actor=webhooks)
        return self.tell(
            at + 0.1,
            "webhook",
            "evt_1",
            state="delivered",
            status=200,
            detail={"attempt": 1, "duplicate": False},
            **success,
        )

    def seen(self, at: float = 44.0) -> Story:
        """The client polls, and shows the confirmation."""
        self.send(at, "r2", "entitlements")
        self.reply(at + 0.2, "r2", "entitlements")
        self.tell(
            at + 0.2,
            "entitlement",
            "s1",
            source=OBSERVED,
            related="r2",
            state="active",
            detail={"feature": "workers_paid"},
        )
        self.tell(at + 0.2, "shown", "a1", state="confirmation", detail={"reason": "entitled"})
        return self.tell(at + 0.2, "outcome", "a1", state="converted", detail={"reason": "entitled"})

    def finish(
        self, state: str, entitlement: str | None, intent: str, at: float = 7200.0, **intent_detail: Any
    ) -> Story:
        """Everything has settled: the final rows of s1 and pi_1."""
        self.tell(at, "settled", ACCOUNT, state="drained")
        plan = {"rate_plan": "workers_paid", "frequency": "monthly"}
        self.tell(at, "final_subscription", "s1", related="pi_1", state=state, amount_minor=500, detail=plan)
        if entitlement is not None:
            self.tell(at, "final_entitlement", "s1", state=entitlement, detail={"feature": "workers_paid"})
        received = 500 if intent == "succeeded" else 0
        detail = {"subscription_ids": ["s1"], "amount_received": received, "amount_refunded": 0, **intent_detail}
        self.tell(at, "final_intent", "pi_1", state=intent, amount_minor=500, detail=detail)
        if intent == "succeeded":
            self.tell(at, "final_payment_method", "pm_1", state="default", detail={"type": "card", "attached": True})
        return self

    def unpaid(self, settled_at: float = 25 * 3600.0, state: str = "Expired", intent: str = "canceled") -> Story:
        """The same checkout, left at the payment form and settled after 25 hours."""
        self.begin()
        self.bought()
        self.tell(60, "outcome", "a1", state="abandoned", detail={"reason": "left"})
        if state == "Expired":
            self.state(10.5 + 23 * 3600, "s1", "Expired")
        if intent == "canceled":
            self.tell(10.5 + 23 * 3600, "intent", "pi_1", state="canceled", amount_minor=500)
        return self.finish(state, None, intent, at=settled_at)

    def in_force(self, at: float = 0.0) -> Story:
        """s0, zone_pro at 25.00 USD, stood at the start."""
        given = {"rate_plan": "zone_pro", "at_start": True}
        self.state(at, "s0", "Provisioned", related=None, amount_minor=2500, detail=given)
        self.tell(at, "plan", "s0", state="in_force", amount_minor=2500, detail=given)
        because = {"feature": "zone_pro", "because": "provisioned_at_start", "at_start": True}
        return self.tell(at, "entitlement", "s0", state="active", detail=because)

    def upgrading(self, at: float = 10.0) -> Story:
        """r1 asks for zone_business at 2,400.00 USD: pi_2 waits for the difference."""
        self.send(at, "r1", "update")
        made = {"subscription_ids": ["s0"], "account_id": ACCOUNT}
        self.tell(at + 0.3, "intent", "pi_2", state="requires_payment_method", amount_minor=237500, detail=made)
        waiting = {"rate_plan": "zone_pro", "coming_rate_plan": "zone_business", "coming_price": 240000, "due": 237500}
        self.tell(at + 0.5, "plan", "s0", related="pi_2", state="change_waiting", amount_minor=2500, detail=waiting)
        self.reply(at + 1, "r1", "update", detail={"client_secrets": 1})
        self.show(at + 1, "s0", "r1", "AwaitingPayment", 237500, operation="update", rate_plan="zone_business")
        return self.tell(at + 1, "secret", "pi_2", related="r1", operation="update", detail={"well_formed": True})

    def upgraded(self, at: float = 40.0) -> Story:
        """pi_2 succeeds, and zone_business is in force a second later."""
        detail = {"payment_method": "pm_1", "amount_received": 237500}
        self.tell(at, "intent", "pi_2", state="succeeded", amount_minor=237500, detail=detail)
        return self.changed(at + 1)

    def changed(self, at: float) -> Story:
        """zone_business is in force."""
        plan = {"rate_plan": "zone_business"}
        self.tell(at, "entitlement", "s0", state="inactive", detail={"feature": "zone_pro", "because": "payment"})
        self.tell(at, "entitlement", "s0", state="active", detail={"feature": "zone_business", "because": "payment"})
        return self.tell(at, "plan", "s0", related="pi_2", state="change_applied", amount_minor=240000, detail=plan)

    def finish_upgrade(self, plan: str, price: int, intent: str, at: float = 90000.0) -> Story:
        """The final rows of s0 and pi_2."""
        self.tell(at, "settled", ACCOUNT, state="drained")
        self.tell(at, "final_subscription", "s0", state="Provisioned", amount_minor=price, detail={"rate_plan": plan})
        self.tell(at, "final_entitlement", "s0", state="active", detail={"feature": plan})
        received = 237500 if intent == "succeeded" else 0
        detail = {"subscription_ids": ["s0"], "amount_received": received, "amount_refunded": 0}
        return self.tell(at, "final_intent", "pi_2", state=intent, amount_minor=237500, detail=detail)


def _matches(fact: Fact, kind: str, match: dict[str, Any]) -> bool:
    return fact.kind == kind and all(getattr(fact, column) == value for column, value in match.items())


@pytest.fixture(scope="session")
def story() -> type[Story]:
    """The class of hand-made histories; call it with circumstances that differ from phase 3 under continuation."""
    return Story
