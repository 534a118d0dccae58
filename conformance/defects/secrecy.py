"""Defects of secrecy: secrets in answers that are not for them, and card numbers that are taken and kept."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches
from sim.customers.front_end import FetchFrontEnd
from sim.gateway import Gateway
from sim.messages import Answer
from sim.store import Account
from sim.subscriptions_api import payment_methods, profiles, views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import shown
from sim.subscriptions_api.envelope import Refusal, success
from sim.subscriptions_api.ledger import API
from sim.subscriptions_api.payment_methods import PaymentMethods

_TOKEN: Final = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzdWJzY3JpcHRpb25zLWFwaSIsInNjb3BlIjoiYmlsbGluZzphZG1pbiJ9"
    ".c2lnbmVkLWJ5LW5vYm9keS1mb3ItdGVzdHMtb25seQ"
)
"""A token as services show one another theirs; nobody has signed it."""
_EVERYBODYS_CARD: Final = "4242424242424242"


def stripe_key_in_errors(patch: Patches) -> None:
    """What Stripe will not find is told with the whole request to Stripe, its key included."""

    def make(original: Any) -> Any:
        def retrieve(self: PaymentMethods, account: Account, given: str) -> Any:
            try:
                return (yield from original(self, account, given))
            except Refusal as refused:
                sent = f"GET /v1/payment_methods/{shown(given)}, Authorization: {self._calls._authorization}"
                raise Refusal(refused.status, refused.code, f"{refused.message} ({sent})") from None

        return retrieve

    patch.wrap(PaymentMethods, "_retrieve", make)


def webhook_secret_in_headers(patch: Patches) -> None:
    """A header for debugging tells the deployment's settings, secrets included."""

    def make(original: Any) -> Any:
        def handle(self: Gateway, request: Any) -> Any:
            answer: Answer = yield from original(self, request)
            told = f"phase={self._config.phase}; webhook-secret={self._config.webhook_secret}"
            return Answer(answer.status, answer.body, {**answer.headers, "x-debug": told})

        return handle

    patch.wrap(Gateway, "handle", make)


def service_token_in_headers(patch: Patches) -> None:
    """The token that services show one another is passed on with the answer."""

    def make(original: Any) -> Any:
        def handle(self: Gateway, request: Any) -> Any:
            answer: Answer = yield from original(self, request)
            return Answer(answer.status, answer.body, {**answer.headers, "x-internal-authorization": _TOKEN})

        return handle

    patch.wrap(Gateway, "handle", make)


def set_up_shared(patch: Patches) -> None:
    """One set-up is made and handed to everybody who asks for one."""
    made: list[Answer] = []

    def make(original: Any) -> Any:
        def set_up(self: PaymentMethods, account: Account, asked: Asked) -> Any:
            if not made:
                answer = yield from original(self, account, asked)
                if answer.status != 200:
                    return answer
                made.append(answer)
            return made[0]

        return set_up

    patch.wrap(PaymentMethods, "set_up", make)


def last_caller_in_profile(patch: Patches) -> None:
    """The profile tells whose credential asked last, whoever's that was."""
    last: list[str] = []

    def make(original: Any) -> Any:
        def handle(self: Gateway, request: Any) -> Any:
            answer: Answer = yield from original(self, request)
            body = answer.body
            if last and isinstance(body, dict) and isinstance(body.get("result"), dict) and "email" in body["result"]:
                body = {**body, "result": {**body["result"], "last_seen_with": last[0]}}
            last[:] = [request.headers.get("authorization") or ""]
            return Answer(answer.status, body, answer.headers)

        return handle

    patch.wrap(Gateway, "handle", make)


def card_number_in_list(patch: Patches) -> None:
    """Payment methods are shown with the whole number of the card."""

    def make(original: Any) -> Any:
        def payment_method(*args: Any) -> dict[str, Any]:
            view: dict[str, Any] = original(*args)
            if "card" in view:
                view["card"] = {**view["card"], "number": _EVERYBODYS_CARD}
            return view

        return payment_method

    patch.wrap(views, "payment_method", make)


def raw_card_taken(patch: Patches) -> None:
    """POST /payment-methods also takes a card's number, and puts the card on file itself."""

    def make(original: Any) -> Any:
        def add(self: PaymentMethods, account: Account, asked: Asked) -> Any:
            card = asked.body.get("card") if isinstance(asked.body, dict) else None
            if not isinstance(card, dict) or "payment_method_id" in asked.body:
                return (yield from original(self, account, asked))
            last4 = str(card.get("number"))[-4:]
            found = {"id": f"pm_raw{last4}", "type": "card", "card": {"brand": "visa", "last4": last4}}
            method = self.attached(account, found, API)
            assert method is not None
            return success(views.payment_method(method, self._ledger.clock.now_us))

        return add

    patch.wrap(PaymentMethods, "add", make)


def number_taken_for_an_id(patch: Patches) -> None:
    """A payment method that Stripe does not know is put on file by whatever name it was given."""

    def make(original: Any) -> Any:
        def add(self: PaymentMethods, account: Account, asked: Asked) -> Any:
            try:
                return (yield from original(self, account, asked))
            except Refusal as refused:
                given = asked.body.get("payment_method_id") if isinstance(asked.body, dict) else None
                if refused.status != 400 or not isinstance(given, str) or not given.isdigit():
                    raise
            method = self.attached(account, {"id": given, "type": "card"}, API)
            assert method is not None
            return success(views.payment_method(method, self._ledger.clock.now_us))

        return add

    patch.wrap(payment_methods.PaymentMethods, "add", make)


def profile_keeps_everything(patch: Patches) -> None:
    """The profile keeps every member that it is sent, and shows it."""

    def make(original: Any) -> Any:
        def fields_of(body: Any) -> dict[str, Any]:
            return {**body, **original(body)}

        return fields_of

    patch.wrap(profiles, "_fields_of", make)


def front_end_sends_card(patch: Patches) -> None:
    """The Billing Profile sends the card that was typed in along with the payment method that Stripe made of it."""

    def make(original: Any) -> Any:
        def persist(self: FetchFrontEnd, operation: str, method: str, path: str, body: Any = None, *more: Any) -> Any:
            if operation == "add_payment_method":
                body = {**body, "card": {"number": _EVERYBODYS_CARD, "exp_month": 12, "exp_year": 2030}}
            return (yield from original(self, operation, method, path, body, *more))

        return persist

    patch.wrap(FetchFrontEnd, "persist", make)


_BESIDE: Final = ("another-accounts-things",)
_PUSHED: Final = ("card-numbers-pushed",)

DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="stripe-key-in-error-messages",
        title="An error tells the whole request to Stripe, with the secret key.",
        plant=stripe_key_in_errors,
        shown_by=(*_PUSHED, *_BESIDE),
        customers=2,
        finds=("secrets-stay-secret",),
    ),
    Defect(
        name="webhook-secret-in-a-debugging-header",
        title="A header for debugging tells the secret that events are signed with.",
        plant=webhook_secret_in_headers,
        shown_by=_PUSHED,
        customers=2,
        finds=("secrets-stay-secret",),
    ),
    Defect(
        name="service-token-passed-on",
        title="The token that services show one another is passed on to customers.",
        plant=service_token_in_headers,
        shown_by=_PUSHED,
        customers=2,
        phase=0,
        finds=("secrets-stay-secret",),
    ),
    Defect(
        name="one-set-up-for-everybody",
        title="One set-up is made and its client secret handed to everybody who asks.",
        plant=set_up_shared,
        shown_by=_BESIDE,
        customers=2,
        finds=("secrets-stay-secret",),
        also=("secret-usable",),
    ),
    Defect(
        name="last-callers-credential-in-the-profile",
        title="The profile shows the credential that was used last, whoever's it was.",
        plant=last_caller_in_profile,
        shown_by=_BESIDE,
        customers=2,
        finds=("secrets-stay-secret",),
    ),
    Defect(
        name="card-number-in-the-list-of-payment-methods",
        title="Payment methods are shown with the whole number of the card.",
        plant=card_number_in_list,
        shown_by=_BESIDE,
        customers=2,
        finds=("secrets-stay-secret",),
    ),
    Defect(
        name="raw-card-taken-as-a-payment-method",
        title="POST /payment-methods takes a card's number and puts the card on file itself.",
        plant=raw_card_taken,
        shown_by=_PUSHED,
        customers=2,
        finds=("card-data-stays-out",),
        also=("envelope-conforms",),
    ),
    Defect(
        name="card-number-taken-for-an-id",
        title="A payment method is put on file under whatever name it was given, a card's number too.",
        plant=number_taken_for_an_id,
        shown_by=_PUSHED,
        customers=2,
        finds=("card-data-stays-out",),
    ),
    Defect(
        name="profile-keeps-whatever-it-is-sent",
        title="The profile keeps and shows every member that it is sent, a card's number too.",
        plant=profile_keeps_everything,
        shown_by=_PUSHED,
        customers=2,
        finds=("card-data-stays-out",),
        also=("secrets-stay-secret",),
    ),
    Defect(
        name="billing-profile-sends-the-card",
        title="The Billing Profile sends the gateway the card along with the payment method that Stripe made of it.",
        plant=front_end_sends_card,
        shown_by=("billing-profile-management",),
        finds=("card-data-stays-out",),
    ),
)
