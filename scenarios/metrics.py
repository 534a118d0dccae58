"""The metrics that a scenario's thresholds may name, and what may be asked of each.

A metric is asked for by its *key*: "conversion", "conversion[client=multisku]", "outcome[blocked_by_gate]". Whoever
measures a run supplies a number for a key, or None where there is nothing to measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from scenarios.catalogue import RATE_PLANS, REGISTRAR
from scenarios.phase import GATED_OPERATIONS
from scenarios.scenario import Client, PaymentMethodState, PaysWith, Region

Unit = Literal["share", "count", "s", "minor units"]

OUTCOMES: Final = (
    "converted",
    "processing",
    "blocked_by_gate",
    "declined",
    "challenge_lost",
    "redirect_lost",
    "abandoned",
    "refused",
    "waiting_for_customer",
    "stuck",
    "error",
    "probed",
)
"""The terminal outcomes of an attempt, as the customer's side ended; `probed`: nothing was to be bought for good."""

FUNNEL_STEPS: Final = ("started", "payment", "submitted", "confirming", "entitlement", "done")

DECLINE_CODES: Final = (
    "generic_decline",
    "insufficient_funds",
    "lost_card",
    "stolen_card",
    "expired_card",
    "incorrect_cvc",
    "incorrect_number",
    "processing_error",
    "card_velocity_exceeded",
    "fraudulent",
    "authentication_required",
    "payment_intent_authentication_failure",
    "setup_intent_authentication_failure",
    "payment_method_provider_decline",
)

SELECTORS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "client": get_args(Client),
        "product": (*RATE_PLANS, REGISTRAR),
        "pm_on_file": get_args(PaymentMethodState),
        "pays_with": get_args(PaysWith),
        "region": get_args(Region),
        "operation": GATED_OPERATIONS,
        "decline_code": DECLINE_CODES,
    }
)
"""What a metric can be narrowed by, with the names allowed.

`client` also takes `iapi/<service>`, while `iapi` is all of them; `product` means attempts with it in the cart.
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    `selectors`: what it may be narrowed by, as in `conversion[client=multisku]`. `values`: if any, exactly one of them
    must be named, as in `outcome[declined]`; a metric has selectors or values, never both.
    """

    name: str
    unit: Unit
    meaning: str
    selectors: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


_ATTEMPT: Final = ("client", "product", "pm_on_file", "pays_with", "region")
_GATE: Final = ("operation", "client")

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                "conversion",
                "share",
                "attempts whose every line is paid (or nothing was due) and entitled when everything has settled",
                _ATTEMPT,
            ),
            Metric("attempts", "count", "attempts to buy", _ATTEMPT),
            Metric("converted", "count", "attempts that converted, as in conversion", _ATTEMPT),
            Metric("outcome", "count", "attempts that ended so for the customer's side", values=OUTCOMES),
            Metric(
                "outcome_share", "share", "share of attempts that ended so for the customer's side", values=OUTCOMES
            ),
            Metric("reached", "share", "share of attempts that entered the step of the funnel", values=FUNNEL_STEPS),
            Metric("pm_gate_rejections", "count", "answers 402/1210 seen by any client", _GATE),
            Metric(
                "pm_gate_rejection_rate",
                "share",
                "answers 402/1210 among the answers of the six operations that had the gate",
                _GATE,
            ),
            Metric("pm_gate_warnings", "count", "answers that went on with a 1210 warning (softened)", _GATE),
            Metric(
                "payment_failures",
                "count",
                "declined payments and set-ups, failed challenges included, as Stripe records them",
                ("decline_code",),
            ),
            Metric("payment_failure_rate", "share", "share of confirmations by customers that failed"),
            Metric("challenges", "count", "3DS challenges", values=("shown", "passed", "failed", "abandoned")),
            Metric(
                "redirects",
                "count",
                "redirects to PayPal",
                values=("left", "finished", "cancelled", "never_back", "refused", "returned"),
            ),
            Metric("tickets", "count", "support tickets opened", _ATTEMPT),
            Metric("detours", "count", "Billing Profile detours", values=("started", "added", "failed")),
            Metric("time_to_payment_p50_s", "s", "median time from start of an attempt to its payment", ("client",)),
            Metric("time_to_payment_p95_s", "s", "95th percentile of the same", ("client",)),
            Metric("time_to_entitlement_p50_s", "s", "median time from payment to entitlement"),
            Metric("time_to_entitlement_p95_s", "s", "95th percentile of the same"),
            Metric("unknown_answers", "count", "requests of clients that got no answer in time"),
            Metric("rollbacks", "count", "grants taken back after a failed payment", values=("undone", "failed")),
            Metric("unpaid_entitlements", "count", "entitlements active at the end without a payment of their own"),
            Metric("expired_subscriptions", "count", "subscriptions that ended unpaid after 23 hours"),
            Metric("charges", "count", "charges at Stripe", values=("succeeded", "failed")),
            Metric("refunds", "count", "refunds at Stripe"),
            Metric("captured_minor", "minor units", "money captured at Stripe"),
            Metric("refunded_minor", "minor units", "money refunded at Stripe"),
            Metric(
                "webhook_deliveries",
                "count",
                "delivery attempts of Stripe's events",
                values=("delivered", "failed", "dropped", "gave_up"),
            ),
        )
    }
)
