"""A card number in every place where a front end might put one: refused or ignored, and never kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sim.effects import Program
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.probes.purchase import cart, line

NUMBER: Final = "4000056655665556"
"""A card of Stripe's test mode that no customer of the model pays with: it is known again by its end."""
_CARD: Final = {"number": NUMBER, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
_DATA: Final = {"type": "card", "card": _CARD}
_SPACED: Final = "4000 0566 5566 5556"

Push = tuple[str, str, str, str, bool, Any]
"""Where the number is; operation, method and path; whether nothing else is there that could be done; the body."""


def _pushes() -> Iterator[Push]:
    add = ("add_payment_method", "POST", "/payment-methods", True)
    yield "card.number", *add, {"card": _CARD}
    yield "payment_method_data.card.number", *add, {"payment_method_data": _DATA}
    yield "number", *add, {"type": "card", **_CARD}
    yield "payment_method_id", *add, {"payment_method_id": NUMBER}
    yield "source", *add, {"source": {"object": "card", **_CARD}}
    set_up = ("setup_payment_method", "POST", "/billing/profile/payment-method", False)
    yield "card.number", *set_up, {"card": _CARD}
    profile = "/billing/profile"
    yield "card_number", "profile_create", "POST", profile, False, {"name": "A. Customer", "card_number": NUMBER}
    yield "card.number", "profile_update", "PUT", profile, False, {"name": "A. Customer", "card": _CARD}
    yield "card_number", "profile_update", "PUT", profile, False, {"name": "A. Customer", "card_number": _SPACED}
    bulk = ("bulk_create", "POST", "/bulk/subscriptions")
    yield "payment_method_id", *bulk, True, cart(line("workers_paid"), payment_method_id=NUMBER)
    yield "card.number", *bulk, False, cart(line("workers_paid"), card=_CARD)
    one = {**line("workers_paid"), "user_is_on_session": True}
    yield (
        "payment_method_data.card.number",
        "create",
        "POST",
        "/subscriptions",
        False,
        {
            **one,
            "payment_method_data": _DATA,
        },
    )
    domains = {"domains": [{"name": "card-example.com", "years": 1}], "user_is_on_session": True}
    yield "card.number", "registrar_checkout", "POST", "/billing/checkout", False, {**domains, "card": _CARD}
    lines = {"subscriptions": [line("workers_paid")]}
    path = "/billing/pre_auth/stripe_payment_intent"
    yield "card.number", "pre_auth", "POST", path, False, {**lines, "card": _CARD}


def _program(prober: Prober) -> Program[None]:
    yield from prober.look("before")
    for place, operation, method, below, needed, body in _pushes():
        about = {"place": place, "last4": NUMBER[-4:], "needed": needed}
        yield from prober.client.ask(operation, method, prober.path(below), body, tries="card_number", about=about)
    yield from prober.look("after")


CARD_NUMBERS: Final = Probe("card-numbers", _program)
