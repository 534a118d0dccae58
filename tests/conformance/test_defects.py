"""The properties have teeth: each defect of the table, planted in the simulated deployment, is found by name.

A defect is what real teams ship (see `planted`). `finds` says which properties must be violated, `also` which others
may be: consequences of the same defect. Anything else that is violated is a wrong accusation, and so is anything that
is violated without the defect.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from conformance.circumstances import circumstances_of
from conformance.history import History
from conformance.judging import Judging
from conformance.verdict import PropertyVerdict
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment
from tests.conformance import planted
from tests.conformance.planted import Plant

SEED = 1


def finds(*properties: str) -> frozenset[str]:
    """Properties by their ids."""
    assert set(properties) <= set(CHECKED_PROPERTIES)
    return frozenset(properties)


@dataclass(frozen=True)
class Defect:
    """One defect, the scenario and phase that show it with so many customers, and what is violated then."""

    name: str
    plant: Plant
    scenario: str
    phase: int
    finds: frozenset[str]
    also: frozenset[str] = frozenset()
    customers: int = 20

    @property
    def place(self) -> tuple[str, int, int]:
        """Where it is planted."""
        return self.scenario, self.phase, self.customers


DEFECTS = (
    # The gate: left on, forgotten, or mistaken for something else.
    Defect(
        "gate left on update after removal",
        planted.gate_is("enforced", "update"),
        "upgrade-only",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "gate left on append after removal",
        planted.gate_is("enforced", "append"),
        "append-component",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "gate left on the profile after clean-up",
        planted.gate_is("enforced", "profile_update"),
        "billing-profile-management",
        6,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "gate left on domains after removal",
        planted.gate_is("enforced", "registrar_checkout"),
        "mixed-cart",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "gate left on for services after removal",
        planted.gate_is("enforced", "bulk_create"),
        "iapi-without-customer",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "gate left on for expired cards after removal",
        planted.expired_method_refused,
        "expired-payment-method",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "gate forgotten on append before removal",
        planted.gate_is("off", "append"),
        "append-component",
        0,
        finds("gate-as-configured"),
    ),
    Defect(
        "gate forgotten on bulk create before removal",
        planted.gate_is("off", "bulk_create"),
        "missing-payment-method",
        1,
        finds("gate-as-configured"),
    ),
    Defect(
        "update still refused when softened",
        planted.gate_is("enforced", "update"),
        "gate-softening",
        1,
        finds("gate-as-configured"),
    ),
    Defect(
        "bulk create softened too early",
        planted.gate_is("softened", "bulk_create"),
        "gate-softening",
        1,
        finds("gate-as-configured"),
    ),
    Defect(
        "softened without a warning", planted.softened_without_warning, "gate-softening", 1, finds("gate-as-configured")
    ),
    Defect(
        "gate's flag ignored", planted.gate_flag_ignored, "gate-switched-off-by-flag", 0, finds("gate-as-configured")
    ),
    Defect(
        "refused after the purchase was made",
        planted.refused_after_creation,
        "missing-payment-method",
        0,
        finds("gate-as-configured"),
    ),
    Defect(
        "decline answered as the gate, after removal",
        planted.decline_with(1210),
        "declining-payment-method-on-file",
        4,
        finds("gate-code-means-gate", "no-pm-gate-rejections"),
    ),
    Defect(
        "decline answered as the gate, before removal",
        planted.decline_with(1210),
        "declining-payment-method-on-file",
        0,
        finds("gate-code-means-gate"),
        also=finds("gate-as-configured"),
    ),
    Defect(
        "decline answered as a 402 of no known code",
        planted.decline_with(1000),
        "declining-payment-method-on-file",
        4,
        finds("gate-code-means-gate"),
    ),
    Defect(
        "decline answered with 400",
        planted.decline_with(1214, 400),
        "declining-payment-method-on-file",
        4,
        finds("other-refusals-survive"),
    ),
    Defect(
        "500 without a payment method",
        planted.crash_without_method,
        "missing-payment-method",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "500 off session without a payment method",
        planted.crash_without_method,
        "iapi-without-customer",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "lock refused no more",
        planted.standing_forgotten("banned", "debt"),
        "refused-whatever-the-gate",
        4,
        finds("other-refusals-survive"),
        customers=40,
    ),
    Defect(
        "ban refused no more",
        planted.standing_forgotten("locked", "debt"),
        "refused-whatever-the-gate",
        4,
        finds("other-refusals-survive"),
        customers=40,
    ),
    Defect(
        "debt refused no more",
        planted.standing_forgotten("banned", "locked"),
        "refused-whatever-the-gate",
        4,
        finds("other-refusals-survive"),
        customers=40,
    ),
    Defect(
        "lock answered as the gate, after removal",
        planted.lock_looks_like_gate,
        "refused-whatever-the-gate",
        4,
        finds("other-refusals-survive", "no-pm-gate-rejections"),
        customers=40,
    ),
    Defect(
        "lock answered as the gate, before removal",
        planted.lock_looks_like_gate,
        "refused-whatever-the-gate",
        0,
        finds("other-refusals-survive"),
        also=finds("gate-as-configured"),
        customers=40,
    ),
    # What is granted, and when.
    Defect(
        "old engine at work",
        planted.regime_is("legacy"),
        "missing-payment-method",
        4,
        finds("no-entitlement-without-payment", "confirm-before-commit", "no-rollback"),
    ),
    Defect(
        "Act 1 at work under failing handlers",
        planted.regime_is("act-1"),
        "continuation-under-the-same-faults",
        2,
        finds("webhook-eventually-applied", "payment-leads-to-entitlement"),
        also=finds("amounts-agree", "stores-agree", "cart-conserved", "zone-activated"),
        customers=40,
    ),
    Defect(
        "requires_action taken for success",
        planted.granted_while_challenged,
        "three-d-secure-abandoned",
        2,
        finds("no-entitlement-without-payment"),
        also=finds("confirm-before-commit", "stores-agree", "old-frontend-survives"),
    ),
    Defect(
        "failure taken for success",
        planted.failure_taken_for_success,
        "payment-failure-generic-decline",
        4,
        finds("no-entitlement-without-payment", "failed-payment-can-be-retried"),
        also=finds("confirm-before-commit", "stores-agree"),
    ),
    Defect(
        "granted at creation",
        planted.granted_at_creation,
        "missing-payment-method",
        4,
        finds("no-entitlement-without-payment"),
        also=finds("stores-agree", "abandoned-grants-nothing", "cart-conserved"),
    ),
    Defect(
        "Provisioned shown before success",
        planted.shown_as("Provisioned"),
        "missing-payment-method",
        4,
        finds("confirm-before-commit"),
    ),
    Defect(
        "Paid shown to a service, unpaid",
        planted.shown_as("Paid"),
        "iapi-without-customer",
        4,
        finds("off-session-told", "confirm-before-commit"),
    ),
    Defect(
        "Provisioned without an entitlement",
        planted.activation_forgotten,
        "missing-payment-method",
        4,
        finds("payment-leads-to-entitlement", "stores-agree"),
        also=finds("cart-conserved"),
    ),
    Defect("another product granted", planted.wrong_feature, "missing-payment-method", 4, finds("stores-agree")),
    Defect(
        "only the first line granted",
        planted.first_line_alone_granted,
        "double-submit",
        4,
        finds("payment-leads-to-entitlement", "cart-conserved"),
        also=finds("amounts-agree", "stores-agree", "webhook-eventually-applied"),
    ),
    Defect(
        "granted ten minutes late",
        planted.provisioned_late,
        "missing-payment-method",
        4,
        finds("payment-leads-to-entitlement"),
    ),
    Defect(
        "nothing due left waiting", planted.nothing_due_left_waiting, "nothing-due-now", 4, finds("zero-due-sets-up")
    ),
    # Events.
    Defect(
        "event applied as often as it comes",
        planted.events_not_remembered,
        "webhooks-duplicated",
        4,
        finds("provisioned-once"),
    ),
    Defect(
        "granted as often as the event comes",
        planted.granted_again,
        "webhooks-duplicated",
        4,
        finds("provisioned-once"),
    ),
    Defect(
        "second event reverts the state",
        planted.state_reverted,
        "webhooks-duplicated",
        4,
        finds("provisioned-once", "stores-agree"),
        also=finds("webhook-eventually-applied", "cart-conserved"),
    ),
    Defect(
        "late failure undoes a success",
        planted.failure_after_success_undoes,
        "webhooks-reordered",
        4,
        finds("no-rollback", "provisioned-once"),
        also=finds("payment-leads-to-entitlement", "stores-agree", "webhook-eventually-applied", "cart-conserved"),
        customers=60,
    ),
    Defect(
        "failure cancels the intent",
        planted.failure_cancels_intent,
        "payment-failure-generic-decline",
        4,
        finds("failed-payment-can-be-retried"),
    ),
    Defect(
        "failure cancels the purchase",
        planted.failure_ends_purchase,
        "payment-failure-generic-decline",
        4,
        finds("failed-payment-can-be-retried"),
        also=finds("stores-agree"),
    ),
    Defect(
        "failure cancels the rest of the cart",
        planted.failure_ends_everything,
        "several-secrets-one-refused",
        4,
        finds("each-secret-settled"),
        also=finds("failed-payment-can-be-retried"),
    ),
    Defect(
        "failure starts a rollback",
        planted.failure_rolls_back,
        "payment-failure-generic-decline",
        4,
        finds("no-rollback"),
    ),
    Defect(
        "events an hour old dropped",
        planted.old_events_dropped,
        "webhooks-late",
        4,
        finds("webhook-eventually-applied", "payment-leads-to-entitlement"),
    ),
    Defect(
        "deferral answered with 200 and dropped",
        planted.early_events_dropped,
        "stripe-slow",
        4,
        finds("webhook-eventually-applied"),
        also=finds("payment-leads-to-entitlement"),
        customers=40,
    ),
    Defect(
        "set-ups' events ignored",
        planted.set_ups_ignored,
        "nothing-due-now",
        4,
        finds("webhook-eventually-applied", "payment-leads-to-entitlement"),
    ),
    Defect(
        "PayPal completed only by coming back",
        planted.paypal_needs_return,
        "paypal-never-back",
        4,
        finds("redirect-never-returns"),
        also=finds("payment-leads-to-entitlement", "webhook-eventually-applied"),
    ),
    Defect(
        "late success revives what has ended",
        planted.late_success_revives,
        "webhooks-late",
        4,
        finds("webhook-eventually-applied"),
        also=finds("amounts-agree"),
        customers=60,
    ),
    Defect(
        "signature not checked",
        planted.signature_unchecked,
        "webhooks-forged",
        4,
        finds("webhook-authentic"),
        also=finds("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        "any signature accepted",
        planted.signature_present_is_enough,
        "webhooks-forged",
        4,
        finds("webhook-authentic"),
        also=finds("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    Defect(
        "age of signatures not checked",
        planted.signature_age_unchecked,
        "webhooks-forged",
        4,
        finds("webhook-authentic"),
        also=finds("no-entitlement-without-payment", "confirm-before-commit", "stores-agree"),
    ),
    # The end of what is not paid.
    Defect("nothing expires", planted.never_expires, "three-d-secure-abandoned", 4, finds("abandoned-grants-nothing")),
    Defect(
        "nothing expires, and is paid a day later",
        planted.never_expires,
        "abandoned-23-hours",
        4,
        finds("abandoned-grants-nothing"),
        customers=60,
    ),
    Defect(
        "expires after an hour",
        planted.expires_after_an_hour,
        "abandoned-23-hours",
        4,
        finds("abandoned-grants-nothing"),
    ),
    Defect(
        "expiry leaves the intent payable",
        planted.expiry_leaves_intent,
        "abandoned-23-hours",
        4,
        finds("abandoned-grants-nothing"),
        also=finds("charged-once", "stores-agree"),
    ),
    Defect(
        "what has expired blocks the next purchase",
        planted.expired_cannot_be_bought_again,
        "abandoned-23-hours",
        4,
        finds("abandoned-grants-nothing"),
    ),
    Defect(
        "late success not refunded",
        planted.late_success_kept,
        "webhooks-late",
        4,
        finds("abandoned-grants-nothing", "amounts-agree"),
        also=finds("stores-agree"),
        customers=60,
    ),
    # Charging.
    Defect(
        "repeat makes a second payable intent",
        planted.repeat_is_new_purchase,
        "double-submit",
        4,
        finds("charged-once"),
        also=finds("cart-conserved"),
    ),
    Defect(
        "other card makes a second payable intent",
        planted.repeat_is_new_purchase,
        "declining-payment-method-on-file",
        4,
        finds("charged-once"),
    ),
    Defect(
        "idempotency keys ignored",
        planted.keys_ignored,
        "lost-answers",
        4,
        finds("charged-once"),
        also=finds("cart-conserved"),
        customers=40,
    ),
    Defect(
        "repeated keys refused",
        planted.repeated_keys_refused,
        "double-submit",
        4,
        finds("idempotency-honoured"),
        customers=40,
    ),
    Defect(
        "gateway repeats purchases without their keys",
        planted.gateway_repeats,
        "nothing-due-now",
        4,
        finds("cart-conserved"),
    ),
    Defect(
        "idempotency keys at Stripe made anew",
        planted.stripe_keys_are_new,
        "stripe-slow",
        4,
        finds("charged-once"),
        also=finds("stores-agree", "abandoned-grants-nothing"),
        customers=40,
    ),
    Defect(
        "intent forgotten after a time-out",
        planted.pending_intent_forgotten,
        "stripe-slow",
        4,
        finds("charged-once"),
        also=finds("stores-agree", "abandoned-grants-nothing"),
        customers=40,
    ),
    Defect(
        "more collected than shown",
        planted.stripe_asks(planted.too_much),
        "missing-payment-method",
        4,
        finds("amounts-agree"),
    ),
    Defect("only the first line charged", planted.first_line_alone_charged, "double-submit", 4, finds("amounts-agree")),
    Defect(
        "change of plan charged in full",
        planted.stripe_asks(planted.full_price_of_change),
        "upgrade-only",
        4,
        finds("amounts-agree"),
    ),
    Defect(
        "dollars shown for cents", planted.price_shown_in_dollars, "missing-payment-method", 4, finds("amounts-agree")
    ),
    Defect("payment of 0", planted.payment_of_nothing(0), "nothing-due-now", 4, finds("zero-due-sets-up")),
    Defect(
        "least payment where nothing is due",
        planted.payment_of_nothing(50),
        "nothing-due-now",
        4,
        finds("zero-due-sets-up"),
        also=finds("amounts-agree"),
    ),
    Defect(
        "set-up where a payment is due",
        planted.set_up_for_everything,
        "missing-payment-method",
        4,
        finds("secret-usable"),
        also=finds("payment-leads-to-entitlement", "webhook-eventually-applied"),
    ),
    Defect(
        "set-up of the card on file taken for payment",
        planted.set_up_for_everything,
        "polling-under-the-rate-limit",
        4,
        finds("no-entitlement-without-payment"),
        also=finds("confirm-before-commit", "stores-agree"),
    ),
    # Changes of plan.
    Defect(
        "upgrade in force before it is paid",
        planted.change_applied_at_once,
        "upgrade-only",
        4,
        finds("update-keeps-old-plan", "no-entitlement-without-payment"),
        also=finds("confirm-before-commit"),
    ),
    Defect(
        "addition in force before it is paid",
        planted.change_applied_at_once,
        "append-component",
        4,
        finds("update-keeps-old-plan"),
    ),
    Defect(
        "old plan off while the upgrade waits",
        planted.change_takes_old_plan,
        "upgrade-only",
        4,
        finds("update-keeps-old-plan"),
        also=finds("stores-agree"),
    ),
    Defect(
        "new price in force before the upgrade",
        planted.price_changed_at_once,
        "upgrade-only",
        2,
        finds("update-keeps-old-plan"),
    ),
    Defect(
        "failed upgrade drops the old plan",
        planted.failed_change_drops_plan,
        "upgrade-only",
        2,
        finds("update-keeps-old-plan"),
        also=finds("no-rollback"),
    ),
    Defect(
        "paid upgrade never in force",
        planted.paid_change_forgotten,
        "upgrade-only",
        4,
        finds("payment-leads-to-entitlement"),
        also=finds("webhook-eventually-applied"),
    ),
    # Carts, zones and payment methods.
    Defect("last line never made", planted.last_line_not_made, "double-submit", 4, finds("cart-conserved")),
    Defect("last line not shown", planted.last_line_not_shown, "double-submit", 4, finds("cart-conserved")),
    Defect("each line made twice", planted.cart_made_twice, "double-submit", 4, finds("cart-conserved")),
    Defect(
        "equal amounts taken for duplicates",
        planted.equal_amounts_are_duplicates,
        "several-secrets-one-refused",
        4,
        finds("each-secret-settled"),
        also=finds("failed-payment-can-be-retried"),
        customers=40,
    ),
    Defect("zone moved on as soon as it is made", planted.zone_made_pending, "new-zone", 4, finds("zone-activated")),
    Defect("zone never initializing", planted.zone_born_pending, "new-zone", 4, finds("zone-activated")),
    Defect(
        "zone moved on by the unpaid purchase", planted.zone_moved_by_purchase, "new-zone", 4, finds("zone-activated")
    ),
    Defect("zone stuck", planted.zone_never_moved, "new-zone", 4, finds("zone-activated")),
    Defect(
        "payment method that paid not on file",
        planted.method_not_saved,
        "missing-payment-method",
        4,
        finds("pm-saved-as-side-effect"),
    ),
    Defect(
        "payment method that paid beside another, not on file",
        planted.method_not_saved,
        "expired-payment-method",
        4,
        finds("pm-saved-as-side-effect"),
    ),
    Defect(
        "paying replaces the default",
        planted.method_takes_default,
        "expired-payment-method",
        4,
        finds("pm-saved-as-side-effect"),
    ),
    Defect(
        "first payment method not the default",
        planted.no_default,
        "missing-payment-method",
        4,
        finds("pm-saved-as-side-effect"),
    ),
    # Answers.
    Defect(
        "secret and no 1211 off session",
        planted.answer_as_if(True),
        "iapi-without-customer",
        4,
        finds("off-session-told"),
    ),
    Defect(
        "1211 instead of a secret on session",
        planted.answer_as_if(False),
        "missing-payment-method",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "no secret on session", planted.waiting_is_not_told, "missing-payment-method", 4, finds("no-pm-gate-rejections")
    ),
    Defect(
        "no secret for a challenge",
        planted.waiting_is_not_told,
        "authentication-required-on-file",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect("no secret for a set-up", planted.waiting_is_not_told, "nothing-due-now", 4, finds("no-pm-gate-rejections")),
    Defect("no secret for an upgrade", planted.waiting_is_not_told, "upgrade-only", 4, finds("no-pm-gate-rejections")),
    Defect(
        "no message off session", planted.waiting_is_not_told, "iapi-without-customer", 4, finds("off-session-told")
    ),
    Defect(
        "empty answer to an old front end",
        planted.empty_answer,
        "old-front-end-new-backend",
        2,
        finds("old-frontend-survives"),
        also=finds("no-pm-gate-rejections"),
    ),
    Defect(
        "empty answer to a new front end",
        planted.empty_answer,
        "missing-payment-method",
        4,
        finds("no-pm-gate-rejections"),
    ),
    Defect(
        "intent's id instead of its secret",
        planted.secret_is(planted.id_alone),
        "missing-payment-method",
        4,
        finds("secret-usable"),
    ),
    Defect("secret cut off", planted.secret_is(planted.cut_off), "missing-payment-method", 4, finds("secret-usable")),
    Defect(
        "secret of a cancelled intent",
        planted.secrets_cached_by_account,
        "abandoned-23-hours",
        4,
        finds("secret-usable"),
    ),
    Defect(
        "secret of another account", planted.secrets_cached_for_all, "missing-payment-method", 4, finds("secret-usable")
    ),
    Defect(
        "secret of another account, at the same time",
        planted.secrets_cached_for_all,
        "busy-hour",
        4,
        finds("secret-usable"),
    ),
)


@cache
def variant_of(scenario: str, phase: int, customers: int) -> Variant:
    """A scenario of the library in one phase, with so many customers."""
    loaded = [one for one in read_scenarios([]) if one.scenario.name == scenario]
    (found,) = variants(loaded, [phase], customers)
    return found


def judged(scenario: str, phase: int, customers: int) -> list[PropertyVerdict]:
    """What all properties say of a run."""
    variant = variant_of(scenario, phase, customers)
    circumstances = circumstances_of(variant)
    judging = Judging(CHECKED_PROPERTIES)
    SimulatedDeployment(variant, SEED).run(
        range(customers),
        lambda number, account, facts: judging.add(History(number, account, facts, circumstances)),
    )
    found = judging.verdicts()
    assert [one.crash for one in found if one.crashes] == []
    return found


def violated(found: list[PropertyVerdict]) -> dict[str, str]:
    """The violated properties, each with its first proof."""
    return {one.property: one.first.proof for one in found if one.first is not None}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_a_planted_defect_is_found(defect: Defect, monkeypatch: pytest.MonkeyPatch) -> None:
    defect.plant(monkeypatch)
    found = violated(judged(*defect.place))
    missed = defect.finds - found.keys()
    assert not missed, f"{defect.plant.__doc__ or defect.name}: not found by {sorted(missed)}; found: {found}"
    accused = found.keys() - defect.finds - defect.also
    assert not accused, f"accused without need: { {name: found[name] for name in sorted(accused)} }"


@pytest.mark.parametrize("place", sorted({defect.place for defect in DEFECTS}), ids=lambda one: f"{one[0]} {one[1:]}")
def test_nothing_is_found_without_a_defect(place: tuple[str, int, int]) -> None:
    assert violated(judged(*place)) == {}


def test_every_property_that_a_backend_can_violate_finds_a_defect() -> None:
    found = {name for defect in DEFECTS for name in defect.finds}
    # These speak of callers and front ends: no defect of the backend alone violates them.
    assert set(CHECKED_PROPERTIES) - found == {"consumers-known", "conversion-counted-once"}


def test_names_are_unique() -> None:
    names = [defect.name for defect in DEFECTS]
    assert len(set(names)) == len(names)
