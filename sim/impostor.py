"""Somebody who wants a subscription for nothing: tells billing-webhooks that an intent succeeded, in Stripe's name.

The impostor knows the intent (a customer knows one's own), not the signing secret. Three tries for each intent: without
a signature, signed with a made-up secret, and with a genuine signature that is an hour old, as if replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from scenarios.scenario import Fault
from sim.effects import Call, Program, Spawn
from sim.facts import EXACT, Journal
from sim.faults import FORGED, strikes
from sim.messages import Answer, Request, Service
from sim.streams import Streams
from sim.stripe.signature import sign
from sim.time import SECOND_US, Clock, unix_s

_SUCCESS_BY_CREATION: Final[Mapping[str, str]] = {
    "/v1/payment_intents": "payment_intent.succeeded",
    "/v1/setup_intents": "setup_intent.succeeded",
}
_MANNERS: Final = ("unsigned", "forged", "stale")
_STALE_S: Final = 3_600
"""Assumption, as is the delay: any age beyond the tolerance, any time after the intent was made, would do."""
_WRONG_SECRET: Final = "whsec_made_up"
_USUAL_DELAY_US: Final = SECOND_US


class Impostor:
    """Stands in front of Stripe, lets everything pass, and makes use of the intents it sees being made."""

    def __init__(
        self,
        stripe: Service,
        faults: Sequence[Fault],
        streams_of: Callable[[str], Streams],
        clock: Clock,
        journal: Journal,
        webhook_secret: str,
    ) -> None:
        self._stripe = stripe
        self._faults = [(number, fault) for number, fault in enumerate(faults) if fault.kind == FORGED]
        self._streams_of = streams_of
        self._clock = clock
        self._journal = journal
        self._webhook_secret = webhook_secret

    def handle(self, request: Request) -> Program[Answer]:
        """Answer as Stripe does."""
        answer = yield from self._stripe.handle(request)
        event_type = _SUCCESS_BY_CREATION.get(request.path) if request.method == "POST" else None
        if event_type is not None and answer.status == 200:
            yield from self._attacks(event_type, answer.body)
        return answer

    def _attacks(self, event_type: str, intent: Mapping[str, Any]) -> Iterator[Spawn]:
        account_id = intent["metadata"].get("account_id")
        if account_id is None:
            return  # an intent that no purchase made, as where a test account is given its payment method
        for number, fault in self._faults:
            if fault.operation not in (None, event_type):
                continue
            if strikes(fault, number, self._streams_of(account_id), self._clock.now_us):
                delay_us = _USUAL_DELAY_US if fault.delay is None else fault.delay
                for manner in _MANNERS:
                    yield Spawn(self._attack(account_id, event_type, intent, manner), delay_us)

    def _attack(self, account_id: str, event_type: str, intent: Mapping[str, Any], manner: str) -> Program[None]:
        event_id = f"evt_made_up_{manner}_{intent['id']}"
        payload = _forged_event(event_id, event_type, intent, unix_s(self._clock.now_us))
        headers = self._headers(payload, manner)
        request = Request("POST", "/webhooks/stripe", payload, headers, operation=event_type)
        answer: Answer = yield Call("billing-webhooks", request)
        self._journal.note(
            account_id,
            EXACT,
            "impostor",
            "webhook",
            event_id,
            intent["id"],
            event_type,
            "delivered" if 200 <= answer.status < 300 else "failed",
            answer.status or None,
            detail={"authentic": False, "manner": manner},
        )

    def _headers(self, payload: bytes, manner: str) -> Mapping[str, str]:
        now_s = unix_s(self._clock.now_us)
        if manner == "unsigned":
            return {}
        if manner == "forged":
            return {"stripe-signature": sign(payload, _WRONG_SECRET, now_s)}
        return {"stripe-signature": sign(payload, self._webhook_secret, now_s - _STALE_S)}


def _forged_event(event_id: str, event_type: str, intent: Mapping[str, Any], now_s: int) -> bytes:
    """The event as Stripe would tell it, had the intent succeeded."""
    succeeded = {**intent, "status": "succeeded", "payment_method": "pm_made_up"}
    if "amount" in intent:
        succeeded["amount_received"] = intent["amount"]
    return orjson.dumps(
        {
            "id": event_id,
            "object": "event",
            "created": now_s,
            "data": {"object": succeeded},
            "livemode": False,
            "pending_webhooks": 1,
            "type": event_type,
        }
    )
