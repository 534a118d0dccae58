"""Hand-made stories: what a customer's history looks like, with every figure known in advance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from conformance.circumstances import Circumstances
from conformance.finding import Finding
from conformance.history import History
from conformance.verdict import Because, PropertyVerdict, TierVerdict, Value
from reports.metrics import Metrics
from reports.outcome import RunOutcome, VariantOutcome
from scenarios.phase import default_front_end
from scenarios.scenario import Customers, Expectation, Regime, Scenario, Variant
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
        self.note(paid_s + 0.5, "unified-checkout", "confirm", "pi_1", related="a1", state="succeeded", status=200)
        self.note(paid_s + 1, "stripe", "webhook", "evt_1", related="pi_1", state="delivered", detail={"attempt": 1})
        self.note(paid_s + 1, "billing-webhooks", "event", "evt_1", related="pi_1", state="applied")
        self.note(paid_s + 1, "billing-webhooks", "subscription", "sub1", related="pi_1", state="Provisioned")
        self.note(paid_s + 1, "billing-webhooks", "entitlement", "sub1", state="active")
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


def breach(story: Story, name: str, proof: str, magnitude: float = 1.0, facts: Sequence[Fact] | None = None) -> Finding:
    """A finding about a story's customer, resting on what the stores held at the end unless told otherwise."""
    chosen = tuple(facts) if facts is not None else tuple(fact for fact in story.facts if fact.kind.startswith("final"))
    return Finding(
        name, "batch", "critical", story.customer, story.account, chosen[0].time_us, proof, chosen, magnitude
    )


def verdict_on(
    name: str, *findings: Finding, value: Value | None = None, because: Because | None = None, reason: str = ""
) -> PropertyVerdict:
    """A property's verdict: violated by those findings, or as told, or held."""
    value = value or ("violated" if findings else "held")
    because = because or ("found" if findings else "checked")
    worst = max(findings, key=lambda finding: finding.magnitude, default=None)
    tiers = (TierVerdict("batch", len(findings), findings[0], worst),) if worst is not None else ()
    return PropertyVerdict(
        property=name,
        severity="critical",
        value=value,
        because=because,
        reason=reason or (f"{len(findings)} of 40 customers affected" if findings else "40 checks, nothing found"),
        histories=40,
        checks=0 if value == "inconclusive" else 40,
        violations=len(findings),
        offending_customers=len({finding.customer for finding in findings}),
        undecided_histories=0,
        crashes=0,
        crash=None,
        first=findings[0] if findings else None,
        worst=worst,
        by_tier=tiers,
        offenders=tuple(finding.customer for finding in findings)[:5],
        noted=(),
    )


def make_variant(
    name: str = "plain-checkout",
    phase: int = 2,
    regime: Regime = "continuation",
    expect: Sequence[Mapping[str, Any]] = (),
    properties: Any = "all",
    count: int = 4,
    **more: Any,
) -> Variant:
    scenario = Scenario(
        name=name,
        title=name.replace("-", " ").capitalize(),
        customers=Customers(count=count),
        expect=tuple(
            Expectation(**{key: tuple(v) if isinstance(v, list) else v for key, v in one.items()}) for one in expect
        ),
        properties=properties,
        **more,
    )
    return Variant(
        scenario=scenario,
        file=f"scenarios/library/{name}.yaml",
        phase=phase,
        regime=regime,
        front_end=default_front_end(phase),
        pm_gate=True,
    )


def make_outcome(
    variant: Variant, people: Sequence[Story], verdicts: Sequence[PropertyVerdict] = (), **more: Any
) -> VariantOutcome:
    metrics = Metrics.of(variant)
    for one in people:
        metrics.add(one.history)
    return VariantOutcome(
        variant=variant,
        slug=f"phase-{variant.phase}-{variant.regime}",
        customers=len(people),
        verdicts=verdicts or [verdict_on("charged-once")],
        metrics=metrics,
        facts_sha256="ab" * 32,
        **more,
    )


def make_run(*outcomes: VariantOutcome, **more: Any) -> RunOutcome:
    return RunOutcome(
        version="0.1.0", seed=1, target="simulated", variants=outcomes, facts_sha256="cd" * 32, out="out/run", **more
    )


def crowd(phase: int, count: int, shift: int = 0) -> list[Story]:
    """Customers of a phase: at first many meet the gate, in phase 2 the old front end loses them, then they pay."""
    lost = {0: 8, 1: 8, 2: 11, 3: 6}.get(phase, 3)
    products = (["workers_paid"], ["r2"], ["zone_pro"], ["images"])
    methods = ("none", "valid", "expired")
    stories = []
    for i in range(count):
        detail: dict[str, Any] = {
            "products": products[i % 4],
            "pm_on_file": methods[i % 3],
            "pays_with": ("card", "wallet", "paypal")[(i // 2) % 3],
            "region": ("europe", "north_america", "asia")[(i // 5) % 3],
            "client": ("unified-checkout", "unified-checkout", "multisku")[(i // 7) % 3],
        }
        at_s = 10 + 35.0 * i
        place = (i * 7 + shift) % 20
        if place >= lost:
            stories.append(Story(i).bought(at_s, pays_after_s=20 + (i * 13) % 90, **detail))
        elif phase < 2 and place >= 2:
            stories.append(
                Story(i).blocked(at_s, operation=("bulk_create", "update")[phase == 0 and i % 5 == 0], **detail)
            )
        else:
            stories.append(Story(i).declined(at_s, code=("insufficient_funds", "generic_decline")[i % 2]))
    return stories


def library(scenarios: int = 4, customers: int = 60) -> RunOutcome:
    """A run of several scenarios over all phases, with a finding, a negative control and something undecided."""
    outcomes = []
    for number in range(scenarios):
        name = "a-normal-week" if number == 0 else f"special-case-{number}"
        for phase in range(7):
            stories = crowd(phase, customers * (3 if number == 0 else 1), shift=number)
            verdicts = [verdict_on("charged-once"), verdict_on("stores-agree")]
            verdicts.append(
                verdict_on("zone-activated", value="inconclusive", because="nothing_observed", reason="no zones here")
            )
            expect = [{"when": "phase >= 2", "thresholds": ["pm_gate_rejections == 0", "conversion >= 50%"]}]
            if number == 1 and phase >= 2:
                proof = "Stripe charged 5.00 USD twice for one cart: pi_1 at 00:00:45 and pi_2 at 00:00:47."
                verdicts[0] = verdict_on(
                    "charged-once",
                    *(
                        breach(
                            stories[i],
                            "charged-once",
                            proof,
                            i,
                            [f for f in stories[i].facts if f.kind in ("charge", "final_intent")],
                        )
                        for i in (4, 9)
                    ),
                )
            outcomes.append(
                make_outcome(make_variant(name, phase, expect=expect, count=len(stories)), stories, verdicts)
            )
    for regime in ("legacy", "act-1"):
        granted = Story(3).attempt(5).ask(6, "r1", "bulk_create", 200, detail={"client_secrets": 1})
        granted.note(7, "subscriptions-api", "entitlement", "sub1", state="active", detail={"because": "request"})
        granted.note(7, "stripe", "intent", "pi_1", state="requires_payment_method", amount_minor=500)
        granted.note(99, "world", "settled", granted.account, state="drained").final(intent_state="canceled")
        proof = "Entitlement of sub1 is active since 00:00:07, and pi_1, the only intent that pays it, never succeeded."
        control = "no-entitlement-without-payment"
        variant = make_variant("premature-removal", 2, regime, [{"violated": [control]}], count=1)  # type: ignore[arg-type]
        outcomes.append(
            make_outcome(
                variant,
                [granted],
                [verdict_on(control, breach(granted, control, proof)), verdict_on("stores-agree")],
                stories={3: granted.facts},
            )
        )
    return make_run(*outcomes, command="gatefall run --seed 1 --out out/run")


@pytest.fixture
def variant() -> Callable[..., Variant]:
    return make_variant


@pytest.fixture
def outcome() -> Callable[..., VariantOutcome]:
    return make_outcome


@pytest.fixture
def run_of() -> Callable[..., RunOutcome]:
    return make_run


@pytest.fixture
def judged() -> Callable[..., PropertyVerdict]:
    return verdict_on


@pytest.fixture
def found() -> Callable[..., Finding]:
    return breach


@pytest.fixture(scope="session")
def library_run() -> RunOutcome:
    return library()
