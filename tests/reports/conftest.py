"""Hand-made stories: what a customer's history looks like, with every figure known in advance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.circumstances import Circumstances
from conformance.history import History
from sim.facts import EXACT, OBSERVED, Fact

SECOND = 1_000_000
CIRCUMSTANCES = Circumstances(phase=2, regime="continuation", front_end="old", pm_gate=True)


class Story:
    """The facts of one account as they happen, grouped by kind as a history holds them."""

    def __init__(self, customer: int = 0) -> None:
        self.customer = customer
        self.account = f"acct{customer:08d}"
        self.facts: list[Fact] = []

    @property
    def history(self) -> History:
        return History(self.customer, self.account, self.facts, CIRCUMSTANCES)

    def note(self, at_s: float, actor: str, kind: str, subject: str, **columns: Any) -> Story:
        source = columns.pop("source", OBSERVED if actor in ("unified-checkout", "multisku", "customer") else EXACT)
        self.facts.append(Fact(round(at_s * SECOND), source, actor, kind, subject, **columns))
        return self

    def attempt(self, at_s: float, name: str = "a1", client: str = "unified-checkout", **detail: Any) -> Story:
        known: dict[str, Any] = {
            "client": client,
            "front_end": "old",
            "region": "europe",
            "country": "DE",
            "pm_on_file": "none",
            "pays_with": "card",
            "products": ["workers_paid"],
            "lines": 1,
        }
        self.note(at_s, client, "attempt", name, detail=known | detail, source=OBSERVED)
        return self.note(at_s, client, "step", name, state="started", source=OBSERVED)

    def ask(
        self, at_s: float, request: str, operation: str, status: int, code: int | None = None, **more: Any
    ) -> Story:
        client = more.pop("client", "unified-checkout")
        attempt = more.pop("attempt", "a1")
        detail: Mapping[str, Any] | None = more.pop("detail", None)
        state = "ok" if status == 200 else "refused" if status else "unknown"
        body = {"method": "POST", "path": f"/{operation}", "body": {}}
        self.note(at_s, client, "request", request, related=attempt, operation=operation, detail=body, source=OBSERVED)
        return self.note(
            at_s + 0.8,
            client,
            "answer",
            request,
            related=attempt,
            operation=operation,
            state=state,
            status=status or None,
            code=code,
            detail=detail,
            source=OBSERVED,
        )

    def steps(self, at_s: float, *names: str, attempt: str = "a1") -> Story:
        for name in names:
            self.note(at_s, "unified-checkout", "step", attempt, state=name)
        return self

    def final(
        self,
        subscription: str = "sub1",
        state: str = "Provisioned",
        intent: str | None = "pi_1",
        intent_state: str = "succeeded",
        entitlement: str | None = "active",
        plan: str = "workers_paid",
        at_s: float = 100_000,
    ) -> Story:
        self.note(
            at_s, "world", "final_subscription", subscription, related=intent, state=state, detail={"rate_plan": plan}
        )
        if entitlement:
            self.note(at_s, "world", "final_entitlement", subscription, state=entitlement, detail={"feature": plan})
        if intent:
            received = 500 if intent_state == "succeeded" else 0
            self.note(
                at_s,
                "world",
                "final_intent",
                intent,
                state=intent_state,
                detail={"subscription_ids": [subscription], "amount_received": received, "amount_refunded": 0},
            )
        return self

    def bought(self, at_s: float = 10, pays_after_s: float = 60, **detail: Any) -> Story:
        """A plain checkout that pays with a card upon a client secret and ends well."""
        paid_s = at_s + pays_after_s
        self.attempt(at_s, **detail)
        self.steps(at_s + 2, "payment", "submitted")
        self.ask(at_s + 3, "r1", "bulk_create", 200, detail={"client_secrets": 1, "messages": []})
        self.note(at_s + 3, "subscriptions-api", "subscription", "sub1", related="pi_1", state="AwaitingPayment")
        self.note(
            at_s + 3,
            "stripe",
            "intent",
            "pi_1",
            state="requires_payment_method",
            amount_minor=500,
            detail={"subscription_ids": ["sub1"]},
        )
        self.note(at_s + 4, "unified-checkout", "subscription", "sub1", related="r1", operation="bulk_create")
        self.steps(at_s + 5, "confirming")
        self.note(paid_s, "stripe", "intent", "pi_1", state="succeeded", amount_minor=500, detail={})
        self.note(paid_s, "stripe", "charge", "ch_1", related="pi_1", state="succeeded", amount_minor=500)
        self.note(paid_s + 1, "stripe", "webhook", "evt_1", related="pi_1", state="delivered", detail={"attempt": 1})
        self.note(paid_s + 1, "billing-webhooks", "event", "evt_1", related="pi_1", state="applied")
        self.note(paid_s + 1, "billing-webhooks", "subscription", "sub1", related="pi_1", state="Provisioned")
        self.note(paid_s + 1, "billing-webhooks", "entitlement", "sub1", state="active")
        self.note(paid_s + 0.5, "unified-checkout", "confirm", "pi_1", related="a1", state="succeeded", status=200)
        self.steps(paid_s + 2, "entitlement")
        self.ask(paid_s + 2, "r2", "entitlements", 200)
        self.steps(paid_s + 3, "done")
        self.note(paid_s + 3, "unified-checkout", "outcome", "a1", state="converted")
        self.note(100_000, "world", "settled", self.account, state="drained")
        return self.final()

    def blocked(self, at_s: float = 10, operation: str = "bulk_create", **detail: Any) -> Story:
        """The gate refuses, and the customer leaves."""
        self.attempt(at_s, **detail)
        self.steps(at_s + 2, "submitted")
        self.ask(at_s + 3, "r1", operation, 402, 1210, client=detail.get("client", "unified-checkout"))
        self.note(at_s + 5, "customer", "ticket", "a1", state="opened", detail={"reason": "blocked_by_gate"})
        self.note(at_s + 5, "unified-checkout", "outcome", "a1", state="blocked_by_gate")
        return self.note(100_000, "world", "settled", self.account, state="drained")

    def declined(self, at_s: float = 10, code: str = "insufficient_funds") -> Story:
        """The card is declined, and the customer gives up: unpaid, expired, nothing granted."""
        self.attempt(at_s)
        self.steps(at_s + 2, "payment", "submitted", "confirming")
        self.ask(at_s + 3, "r1", "bulk_create", 200, detail={"client_secrets": 1, "messages": []})
        self.note(at_s + 9, "stripe", "intent", "pi_1", state="requires_payment_method", detail={"decline_code": code})
        self.note(at_s + 9, "stripe", "charge", "ch_1", related="pi_1", state="failed", detail={"decline_code": code})
        self.note(
            at_s + 9, "unified-checkout", "confirm", "pi_1", related="a1", state="requires_payment_method", status=402
        )
        self.note(at_s + 10, "unified-checkout", "outcome", "a1", state="declined")
        self.note(100_000, "world", "settled", self.account, state="drained")
        return self.final(state="Expired", intent_state="canceled", entitlement=None)


@pytest.fixture
def story() -> type[Story]:
    return Story
