"""The Unified Checkout: cart from the cookie, payment nonce, item separation, on-session confirmation, post-purchase.

Step 1, the cookie handoff, is the cart that the shopper brings: there is no server-side session to model. Steps 3 to 5
are in checkout.py.
"""

from __future__ import annotations

from sim.customers.checkout import Checkout
from sim.customers.ending import Ending
from sim.customers.front_end import FetchFrontEnd
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Program


class UnifiedCheckout(Checkout):
    """One attempt in the Unified Checkout, with the front end that is out."""

    __slots__ = ()

    def __init__(self, shopper: Shopper, session: Session) -> None:
        super().__init__(shopper, session, FetchFrontEnd(session), cards_only=False)

    def collect_before_submit(self) -> Program[Ending | None]:
        """Step 2. The old front end makes a nonce where it shows a payment step; newer ones wait for a client secret.

        Whoever has a usable method on file and wants to pay with another card enters it beforehand in any front end.
        PayPal gives no nonce inline. Assumption: without a way to choose, the method on file is charged.
        """
        shopper = self.shopper
        payer = self.payer
        asks = shopper.payment_step == "before_submit" if shopper.front_end == "old" else shopper.has_usable_method
        if asks and payer.method in ("card", "wallet"):
            return (yield from self.take_nonce())
        if shopper.has_usable_method:
            payer.method = "saved"
        if payer.method == "saved":
            yield from payer.enter_details()
        return None
