"""What is needed to judge from outside: a table that is complete, and what it foretells."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.circumstances import Circumstances
from conformance.evidence import CAPABILITIES, EVIDENCE, FINAL_READINGS, Foretold, foretell
from conformance.history import History
from conformance.properties import PROPERTIES
from sim.facts import LEDGER, OBSERVED, Fact

MINUTE = 60_000_000
CIRCUMSTANCES = Circumstances(phase=3, regime="continuation", front_end="inline", pm_gate=True, target="real")


def foretold(capabilities: set[str]) -> dict[str, Foretold]:
    return {one.property: one for one in foretell(capabilities)}


def test_every_property_has_its_evidence_in_the_order_of_the_registry() -> None:
    assert list(EVIDENCE) == list(PROPERTIES)


@pytest.mark.parametrize("name", EVIDENCE)
def test_only_what_exists_is_needed(name: str) -> None:
    evidence = EVIDENCE[name]
    assert set(evidence.needs) <= set(FINAL_READINGS)
    assert {*evidence.besides, *(one for one, _ in evidence.narrower)} <= CAPABILITIES.keys()
    assert not set(evidence.to_accuse) & set(evidence.to_hold)
    assert evidence.outside.endswith(".")


def test_with_everything_all_is_possible() -> None:
    assert all(one.possible == "any" and one.reason is None for one in foretell(CAPABILITIES))


def test_with_nothing_only_what_answers_show_is_judged() -> None:
    found = foretold(set())
    assert {name for name, one in found.items() if one.possible == "any"} == {
        "other-refusals-survive",
        "consumers-known",
        "accounts-isolated",
        "secrets-stay-secret",
        "card-data-stays-out",
        "idempotency-honoured",
        "envelope-conforms",
        "rate-limit-told",
        "history-truthful",
        "conversion-counted-once",
    }
    assert found["charged-once"].possible == "inconclusive"
    assert found["charged-once"].reason == f"without {CAPABILITIES['ledger']}"
    assert found["admin-authenticated"].possible == "inconclusive"
    assert found["secret-usable"].possible == "violated or inconclusive"


def test_what_is_left_out_is_said() -> None:
    found = foretold(set(CAPABILITIES) - {"clock", "webhooks", "standing"})
    assert found["webhook-authentic"].possible == "inconclusive"
    assert "undecided" in (found["abandoned-grants-nothing"].reason or "")
    assert "not tried" in (found["other-refusals-survive"].reason or "")


def test_a_capability_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="no capability 'leger': expected some of list_subscriptions"):
        foretell({"leger"})


def test_every_reading_is_described() -> None:
    text = (Path(__file__).parents[2] / "docs" / "facts.md").read_text()
    assert all(f"`{name}`" in text for name in FINAL_READINGS)


# --- one purchase, seen from outside -------------------------------------------------------------------------------


def bought(read: tuple[str, ...] = FINAL_READINGS, **more: object) -> list[Fact]:
    """One line of 5.00 USD, asked for at 10 s, paid at 40 s, delivered by 60 s, and read after ten minutes."""
    delivered = {"payment_method": "pm_1", "amount_received": 500, "delivered_by_us": MINUTE, **more}
    told = {"subscription_ids": ["s1"], "account_id": "a"}
    plan = {"rate_plan": "workers_paid", "frequency": "monthly"}
    body = {"subscriptions": [], "user_is_on_session": True}
    end = 10 * MINUTE
    rows = [
        Fact(10_000_000, OBSERVED, "uc", "request", "r1", "a1", "bulk_create", detail={"body": body}),
        Fact(10_000_000, LEDGER, "stripe", "intent", "pi_1", "cus", None, "requires_action", None, None, 500, told),
        Fact(11_000_000, OBSERVED, "uc", "answer", "r1", "a1", "bulk_create", "ok", 200),
        Fact(11_000_000, OBSERVED, "uc", "secret", "pi_1", "r1", "bulk_create", detail={"well_formed": True}),
        Fact(
            11_000_000,
            OBSERVED,
            "uc",
            "subscription",
            "s1",
            "r1",
            "bulk_create",
            "AwaitingPayment",
            None,
            None,
            500,
            plan,
        ),
        Fact(40_000_000, LEDGER, "stripe", "intent", "pi_1", "cus", None, "succeeded", None, None, 500, delivered),
        Fact(end, OBSERVED, "reader", "settled", "a", state="drained"),
    ]
    for name in read:
        rows.append(Fact(end, OBSERVED, "reader", "reading", "a", None, name, "complete"))
    detail = {**told, "amount_received": 500, "amount_refunded": 0}
    return [
        *rows,
        Fact(end, LEDGER, "reader", "final_intent", "pi_1", "cus", None, "succeeded", None, None, 500, detail),
    ]


def final(state: str, entitlement: str | None, activated_us: int | None = 41_000_000) -> list[Fact]:
    end, plan = 10 * MINUTE, {"rate_plan": "workers_paid", "frequency": "monthly"}
    rows = [Fact(end, OBSERVED, "reader", "final_subscription", "s1", None, None, state, None, None, 500, plan)]
    rows.append(Fact(end, OBSERVED, "reader", "final_payment_method", "pm_1", state="default", detail={"type": "card"}))
    if entitlement is not None:
        detail = {"feature": "workers_paid", "activated_us": activated_us}
        rows.append(Fact(end, OBSERVED, "reader", "final_entitlement", "s1", state=entitlement, detail=detail))
    return rows


def judged(facts: list[Fact], name: str) -> tuple[str, str | None]:
    judgement = PROPERTIES[name].judge(History(1, "a", facts, CIRCUMSTANCES))
    if judgement.findings:
        return "violated", judgement.findings[0].proof
    if judgement.undecided is not None:
        return "undecided", judgement.undecided
    return ("held" if judgement.checks else "nothing"), None


PAID_FOR = "payment-leads-to-entitlement"
GRANTED = "no-entitlement-without-payment"


def test_paid_and_granted_in_time_holds() -> None:
    facts = [*bought(), *final("Provisioned", "active")]
    for name in (PAID_FOR, GRANTED, "charged-once", "amounts-agree", "stores-agree", "confirm-before-commit"):
        assert judged(facts, name) == ("held", None)


def test_paid_delivered_and_not_granted_is_found() -> None:
    facts = [*bought(), *final("AwaitingPayment", None)]
    assert judged(facts, PAID_FOR)[0] == "violated"
    assert judged(facts, "webhook-eventually-applied")[0] == "violated"


@pytest.mark.parametrize("delivered_by_us", [None, 10 * MINUTE - 1])
def test_whatever_may_still_be_on_its_way_accuses_nobody(delivered_by_us: int | None) -> None:
    facts = [*bought(delivered_by_us=delivered_by_us), *final("AwaitingPayment", None)]
    for name in (PAID_FOR, "stores-agree", "webhook-eventually-applied", "amounts-agree"):
        value, reason = judged(facts, name)
        assert (value, "not known to have been delivered" in str(reason)) == ("undecided", True)


def test_granted_late_is_found_if_the_delivery_was_seen_and_not_if_it_was_late_itself() -> None:
    late = final("Provisioned", "active", 5 * MINUTE)
    assert judged([*bought(), *late], PAID_FOR)[0] == "violated"
    slow = bought(delivered_by_us=5 * MINUTE, delivered_after_us=5 * MINUTE - 10_000_000)
    assert judged([*slow, *late], PAID_FOR) == ("held", None)
    unseen = bought(delivered_by_us=8 * MINUTE)
    assert judged([*unseen, *late], PAID_FOR)[0] == "undecided"


def test_activated_before_the_payment_is_found_beyond_what_clocks_differ_by() -> None:
    assert judged([*bought(), *final("Provisioned", "active", 37_000_000)], GRANTED)[0] == "violated"
    assert judged([*bought(), *final("Provisioned", "active", 39_000_000)], GRANTED) == ("held", None)


@pytest.mark.parametrize("missing", ["ledger", "ledger_events", "list_subscriptions", "entitlements"])
def test_what_was_not_read_is_not_said_to_hold(missing: str) -> None:
    read = tuple(name for name in FINAL_READINGS if name != missing)
    reason = f"{missing} was not read: nobody tried"
    assert judged([*bought(read), *final("Provisioned", "active")], GRANTED) == ("undecided", reason)


def test_the_reason_why_something_was_not_read_is_told() -> None:
    facts = [*bought(()), *final("Provisioned", "active")]
    why = {"reason": "the profile names no ledger key"}
    facts.append(Fact(10 * MINUTE, LEDGER, "reader", "reading", "a", None, "ledger", "unsupported", detail=why))
    assert judged(facts, GRANTED) == ("undecided", "ledger was not read: the profile names no ledger key")
    assert judged(facts, "charged-once") == ("undecided", "ledger was not read: the profile names no ledger key")


def test_a_request_without_an_answer_is_neither_ok_nor_refused() -> None:
    facts = [
        fact for fact in [*bought(), *final("Provisioned", "active")] if fact.kind not in ("secret", "subscription")
    ]
    facts = [fact._replace(state="unknown", status=None) if fact.kind == "answer" else fact for fact in facts]
    for name in PROPERTIES:
        assert judged(facts, name)[0] != "violated", name


def test_a_secret_of_another_account_and_one_that_stripe_does_not_know_are_found() -> None:
    facts = [*bought(), *final("Provisioned", "active")]
    stolen = facts[3]._replace(subject="pi_9")
    told = {"subscription_ids": ["s9"], "account_id": "b"}
    row = Fact(10 * MINUTE, LEDGER, "reader", "final_intent", "pi_9", None, None, "requires_action", detail=told)
    assert "belongs to account b" in str(judged([*facts, stolen, row], "secret-usable")[1])
    lost = row._replace(state="not_found", detail=None)
    assert "does not know" in str(judged([*facts, stolen, lost], "secret-usable")[1])


def test_a_run_that_was_cut_off_decides_nothing() -> None:
    facts = [*bought(), *final("AwaitingPayment", None)]
    facts = [fact._replace(state="cut_off") if fact.kind == "settled" else fact for fact in facts]
    assert {judged(facts, name)[0] for name in PROPERTIES} <= {"undecided", "nothing", "held"}
    assert judged(facts, PAID_FOR)[0] == "undecided"
