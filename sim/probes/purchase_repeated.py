"""Buys without a payment method, and does not take 500 for an answer: again and again, then with a card, to compare."""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import Reply
from sim.effects import Program, Wait
from sim.probes.card import line, nonce, pay, secrets_in
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.time import SECOND_US

_TRIES: Final = "purchase_repeated"
_TIMES: Final = 4
_APART_US: Final = 25 * SECOND_US
"""Four tries are more than a minute apart: longer than what passes by itself. Assumption."""


def _program(prober: Prober) -> Program[None]:
    """Every other customer is not there to confirm anything, as where a service buys."""
    on_session = prober.shopper.index % 2 == 0
    body: dict[str, Any] = {"subscriptions": [line("workers_paid")], "user_is_on_session": on_session}
    key = prober.session.next_key()
    reply = yield from _buy(prober, body, key)
    for _ in range(_TIMES - 1):
        if reply.status != 500:
            break
        yield from prober.look("between", ("list_subscriptions",))
        yield Wait(_APART_US, needed=True)
        reply = yield from _buy(prober, body, key)
    if reply.status == 500:
        yield from prober.look("between", ("list_subscriptions",))
        card = yield from nonce(prober)
        if card is not None:
            key = prober.session.next_key()
            reply = yield from _buy(prober, {**body, "payment_method_id": card}, key)
    for secret in secrets_in(reply):
        yield from pay(prober, secret)


def _buy(prober: Prober, body: dict[str, Any], key: str) -> Program[Reply]:
    path = prober.session.addresses.bulk
    return (yield from prober.client.ask("bulk_create", "POST", path, body, tries=_TRIES, key=key))


PURCHASE_REPEATED: Final = Probe("purchase-repeated", _program)
