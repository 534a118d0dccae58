"""Defects of repeats: the same wish comes twice, and is not known again."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches
from sim.effects import Call
from sim.gateway import Gateway
from sim.store import Account, Purchase
from sim.subscriptions_api import service as api_service
from sim.subscriptions_api.collection import Collection, lose_intent
from sim.subscriptions_api.envelope import Refusal, refusal
from sim.subscriptions_api.purchases import Purchases
from sim.subscriptions_api.stripe_calls import StripeCalls


def repeat_is_new_purchase(patch: Patches) -> None:
    """A repeat of an unpaid purchase makes another one, and leaves the first one's intent payable."""
    patch.replace(Purchases, "_same_lines", lambda self, account, signature: None)

    def leave(self: Purchases, account: Account, lines: Any) -> Any:
        return
        yield

    patch.replace(Purchases, "_replace_overlapping", leave)


def keys_ignored(patch: Patches) -> None:
    """Idempotency keys are not looked at."""

    def make(original: Any) -> Any:
        def asked(self: Gateway, request: Any) -> Any:
            found = original(self, request)
            found.key = None
            return found

        return asked

    patch.wrap(Gateway, "_asked", make)


def repeated_keys_refused(patch: Patches) -> None:
    """A key that was used before is always refused as used for another request."""
    patch.replace(
        api_service,
        "_kept_answer",
        lambda kept, asked: refusal(409, 1230, "this Idempotency-Key was used before"),
    )


def gateway_repeats(patch: Patches) -> None:
    """The gateway sends each purchase a second time, without its key, as after a time-out of its own."""

    def handle(self: Gateway, request: Any) -> Any:
        try:
            asked = self._asked(request)
        except Refusal as refused:
            return refused.answer()
        answer = yield Call("subscriptions-api", asked)
        if asked.operation in ("bulk_create", "create", "registrar_checkout"):
            asked.key = None
            answer = yield Call("subscriptions-api", asked)
        return answer

    patch.replace(Gateway, "handle", handle)


def stripe_keys_are_new(patch: Patches) -> None:
    """Each try at Stripe has an idempotency key of its own, so that a time-out leaves an intent behind."""

    def create(self: StripeCalls, account: Account, purchase: Purchase, body: Any) -> Any:
        purchase.generation += 1
        kind = purchase.intent_kind
        key = f"{account.customer}-{purchase.id}-{purchase.generation}"
        return self._post(
            "/v1/payment_intents" if kind == "payment" else "/v1/setup_intents", body, key, f"create_{kind}_intent"
        )

    def again(self: Collection, account: Account, purchase: Purchase) -> Any:
        purchase.pending_body = None
        return
        yield

    patch.replace(StripeCalls, "create_intent", create)
    patch.replace(Collection, "_create_again", again)


def pending_intent_forgotten(patch: Patches) -> None:
    """After a time-out of Stripe's nobody asks what became of the intent: the purchase gets another one."""

    def again(self: Collection, account: Account, purchase: Purchase) -> Any:
        purchase.pending_body = None
        lose_intent(purchase)
        return
        yield

    patch.replace(Collection, "_create_again", again)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="repeat-makes-a-second-payable-intent",
        title="A repeat of an unpaid purchase, also from a second tab, makes another and leaves the first one payable.",
        plant=repeat_is_new_purchase,
        shown_by=("declining-payment-method-on-file",),
        finds=("charged-once",),
        also=("cart-conserved",),
    ),
    Defect(
        name="idempotency-keys-ignored",
        title="Idempotency keys are not looked at.",
        plant=keys_ignored,
        shown_by=("lost-answers",),
        customers=40,
        finds=("charged-once",),
        also=("cart-conserved",),
    ),
    Defect(
        name="repeated-keys-refused",
        title="A key that was used before is always refused as used for another request.",
        plant=repeated_keys_refused,
        shown_by=("double-submit",),
        customers=40,
        finds=("idempotency-honoured",),
    ),
    Defect(
        name="gateway-repeats-purchases-without-their-keys",
        title="The gateway sends each purchase a second time, without its key, as after a time-out of its own.",
        plant=gateway_repeats,
        shown_by=("nothing-due-now",),
        finds=("cart-conserved",),
        also=("charged-once",),
    ),
    Defect(
        name="idempotency-keys-at-stripe-made-anew",
        title="Each try at Stripe has an idempotency key of its own, so that a time-out leaves an intent behind.",
        plant=stripe_keys_are_new,
        shown_by=("stripe-slow",),
        customers=40,
        finds=("charged-once",),
        also=("stores-agree", "abandoned-grants-nothing"),
    ),
    Defect(
        name="intent-forgotten-after-a-time-out",
        title="After a time-out of Stripe's nobody asks what became of the intent: the purchase gets another one.",
        plant=pending_intent_forgotten,
        shown_by=("stripe-slow",),
        customers=40,
        finds=("charged-once",),
        also=("stores-agree", "abandoned-grants-nothing"),
    ),
)
