"""The SetupIntent of a subscription of which nothing is due yet: it saves the payment method for later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.stripe.account import LISTED_AS
from sim.stripe.confirmation import attempt, need, prepare
from sim.stripe.errors import StripeError
from sim.stripe.setup_intent import SetupIntent

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.subscription import Subscription


class PendingSetupIntent(SetupIntent):
    """Tells its subscription of its success. It is not cancelled with the subscription."""

    __slots__ = ("subscription",)

    def __init__(self, context: Context, subscription: Subscription) -> None:
        account = subscription.account
        super().__init__(account.next_id("seti"), account, context, subscription.customer, "off_session")
        self.subscription = subscription
        self.types = subscription.payment_settings.get("payment_method_types") or list(self.merchant.automatic_types)
        account.objects[self.id] = self
        account.intents.append(self)

    def emit(self, context: Context, change: str) -> None:
        super().emit(context, change)
        if change == "succeeded" and self.payment_method is not None:
            self.subscription.set_up(context, self.payment_method)


LISTED_AS[PendingSetupIntent] = SetupIntent


def begin_setup(context: Context, subscription: Subscription) -> PendingSetupIntent | None:
    """What is needed so that the first payment will succeed; None where the payment method is good as it is."""
    method = subscription.payer()
    if method is not None and need(method, {}, off_session=True) == "nothing":
        return None
    intent = PendingSetupIntent(context, subscription)
    intent.note_purpose(context)
    intent.emit(context, "created")
    if method is not None:
        values = {"payment_method": method.id, "use_stripe_sdk": True}
        try:
            prepare(context, intent, values)
            attempt(context, intent, values)
        except StripeError:
            return intent  # it says itself what went wrong
    return intent
