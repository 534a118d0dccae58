"""The account that a customer has before it comes: what test support is asked to make."""

from __future__ import annotations

from typing import Any, Final

from sim.customers.shopper import Shopper
from sim.messages import Request

ACCOUNTS_PATH: Final = "/__test__/accounts"
DEBT_MINOR: Final = 2_500
"""What a debtor owes. Assumption: a month of the Pro plan; only that it is owed matters."""


def account_request(shopper: Shopper, account_id: str | None = None) -> Request:
    """The request that makes the shopper's account: its payment method, what it has already, the zones it buys for.

    `account_id`: asked for where the deployment lets one choose; None leaves it to the deployment.
    """
    body: dict[str, Any] = {"payment_method": shopper.pm_on_file, "country": shopper.place.country}
    if account_id is not None:
        body["account_id"] = account_id
    basket = shopper.basket
    if basket.held:
        body["subscriptions"] = list(basket.held)
    zones = basket.existing_zones
    if zones:
        body["zones"] = ["example.com" if n == 0 else f"site{n}.example.com" for n in range(zones)]
    if shopper.standing == "debtor":
        body["bad_debt"] = DEBT_MINOR
    elif shopper.standing != "good":
        body[shopper.standing] = True
    return Request("POST", ACCOUNTS_PATH, body, operation="create_account")
