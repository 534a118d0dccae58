"""Steps that tests of billing have in common: a shop with a price, a customer, and maybe a test clock."""

from __future__ import annotations

from typing import Any

from sim.messages import Answer
from sim.stripe import hosted_page

HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Desk:
    """`shop` is the fixture's; everything is made by requests."""

    def __init__(self, shop: Any, unit_amount: int = 2000, interval: str = "month") -> None:
        self.shop = shop
        self.product: str = shop.made("/v1/products", {"name": "Boxes"})["id"]
        self.price = self.new_price(unit_amount, interval)

    def new_price(self, unit_amount: int, interval: str = "month", **more: Any) -> str:
        body = {
            "product": self.product,
            "currency": "usd",
            "unit_amount": unit_amount,
            "recurring": {"interval": interval},
            **more,
        }
        made: str = self.shop.made("/v1/prices", body)["id"]
        return made

    def clock(self) -> str:
        body = {"frozen_time": self.shop.now_s, "name": "months go by"}
        made: str = self.shop.made("/v1/test_helpers/test_clocks", body)["id"]
        return made

    def customer(self, card: str | None = None, clock: str | None = None, account: str = "acct1") -> str:
        """A customer, with a card that renewals are charged to, if it is given."""
        on = {"test_clock": clock} if clock else {"metadata": {"account_id": account}}
        customer: str = self.shop.made("/v1/customers", {"email": "a@example.test", **on})["id"]
        if card is not None:
            self.save_card(customer, card)
        return customer

    def save_card(self, customer: str, card: str) -> str:
        method: str = self.shop.made(f"/v1/payment_methods/{card}/attach", {"customer": customer})["id"]
        settings = {"invoice_settings": {"default_payment_method": method}}
        self.shop.made(f"/v1/customers/{customer}", settings)
        return method

    def subscribe(self, customer: str, **values: Any) -> dict[str, Any]:
        return self.shop.made("/v1/subscriptions", self.subscription(customer, **values))

    def try_to_subscribe(self, customer: str, **values: Any) -> Answer:
        return self.shop.post("/v1/subscriptions", self.subscription(customer, **values))

    def subscription(self, customer: str, **values: Any) -> dict[str, Any]:
        return {"customer": customer, "items": [{"price": self.price}], **values}

    def read(self, subscription: dict[str, Any]) -> dict[str, Any]:
        return self.shop.get(f"/v1/subscriptions/{subscription['id']}")

    def invoice(self, subscription: dict[str, Any], *expand: str) -> dict[str, Any]:
        """The latest invoice as it stands."""
        latest = self.read(subscription)["latest_invoice"]
        return self.shop.ask("GET", f"/v1/invoices/{latest}", {"expand": list(expand)} if expand else None).body

    def intent(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """The intent that pays an invoice."""
        [payment] = self.shop.ask("GET", "/v1/invoice_payments", {"invoice": invoice["id"]}).body["data"]
        return self.shop.get(f"/v1/payment_intents/{payment['payment']['payment_intent']}")

    def secret(self, subscription: dict[str, Any]) -> str:
        return self.invoice(subscription, "confirmation_secret")["confirmation_secret"]["client_secret"]

    def confirm(self, secret: str, card: str = "pm_card_visa") -> Answer:
        """What the browser does with a client secret."""
        kind = "setup_intents" if secret.startswith("seti_") else "payment_intents"
        body = {"client_secret": secret, "payment_method": card, "use_stripe_sdk": True}
        return self.shop.browse(f"/v1/{kind}/{secret.partition('_secret_')[0]}/confirm", body)

    def visit(self, intent: dict[str, Any], outcome: str = "complete") -> None:
        url = hosted_page(intent)
        assert url is not None
        self.shop.ask("POST", url.removeprefix("https://hooks.stripe.test"), {"outcome": outcome}, key=None)

    def advance(self, clock: str, seconds: int) -> dict[str, Any]:
        now_s = self.shop.get(f"/v1/test_helpers/test_clocks/{clock}")["frozen_time"]
        return self.shop.made(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": now_s + seconds})

    def advance_by(self, clock: str, seconds: int, step_s: int = 20 * DAY_S) -> None:
        """Advance further than Stripe allows at once."""
        while seconds > 0:
            self.advance(clock, min(seconds, step_s))
            seconds -= step_s

    def types(self) -> list[str]:
        """The types of all events, oldest first."""
        return [event["type"] for event in self.events()]

    def events(self, event_type: str | None = None) -> list[dict[str, Any]]:
        body = {"limit": 100} if event_type is None else {"limit": 100, "type": event_type}
        listed = self.shop.ask("GET", "/v1/events", body).body
        assert not listed["has_more"]
        found: list[dict[str, Any]] = listed["data"][::-1]
        return found

    def later(self, seconds: int) -> None:
        """Real time passes: what waits for it happens."""
        self.shop.settle_until(self.shop.clock.now_us + seconds * 1_000_000)
