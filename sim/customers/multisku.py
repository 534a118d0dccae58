"""The Multisku Checkout: views review, payment, confirm; cards only (CardElement); errors come through the store."""

from __future__ import annotations

from sim.customers.billing_profile import ADDED, add_method
from sim.customers.checkout import Checkout
from sim.customers.ending import Ending
from sim.customers.front_end import ThunkFrontEnd
from sim.customers.payer import Payer
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Program
from sim.purposes import Purpose


class Multisku(Checkout):
    """One attempt in the Multisku Checkout."""

    __slots__ = ()

    def __init__(self, shopper: Shopper, session: Session) -> None:
        super().__init__(shopper, session, ThunkFrontEnd(session), cards_only=True)

    def collect_before_submit(self) -> Program[Ending | None]:
        """The payment view: a card is put on file before the purchase, as a set-up confirmed with the customer present.

        Newer front ends show the CardElement upon a client secret instead, unless a method is on file and the customer
        wants another card. Who wants PayPal meets cards only.
        """
        shopper = self.shopper
        payer = self.payer
        if payer.method == "paypal":
            if not self._takes_a_card():
                return Ending("abandoned", "wanted PayPal where only cards are taken")
            payer.method = "card"
        asks = shopper.payment_step == "before_submit" if shopper.front_end == "old" else shopper.has_usable_method
        if asks and payer.method == "card":
            return (yield from self._put_on_file())
        if shopper.has_usable_method:
            payer.method = "saved"
        if payer.method == "saved":
            yield from payer.enter_details()
        return None

    def _takes_a_card(self) -> bool:
        session = self.session
        share = session.population.figures["multisku_paypal_pays_by_card"]
        return session.streams.chance(share, Purpose.PAYS_WITH, session.draw_base + 1)

    def _put_on_file(self) -> Program[Ending | None]:
        """Set the card up; a purchase charges the default, so a card that is not the default is named in it."""
        payer = Payer(self.shopper, self.session, collects=True, cards_only=True, in_funnel=False)
        payer.method = "card"
        ending = yield from add_method(payer, self.front)
        if ending is not ADDED:
            return ending
        self.payer.method = "saved"
        if self.shopper.has_usable_method:
            self.nonce = payer.paid_with
        return None
