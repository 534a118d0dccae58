"""Defects of answers: nobody is told what to do, or told what is of no use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.messages import Answer
from sim.store import Account, Purchase
from sim.subscriptions_api import purchases
from sim.subscriptions_api.collection import NEEDS_CUSTOMER, PROCESSING
from sim.subscriptions_api.envelope import success


def answer_as_if(on_session: bool) -> Plant:
    """Callers are answered as if a customer were always there, or never."""

    def plant(patch: Patches) -> None:
        patch.wrap(
            purchases,
            "_answer",
            lambda original: (
                lambda account, purchase, outcome, _, messages: original(
                    account, purchase, outcome, on_session, messages
                )
            ),
        )

    return plant


def waiting_is_not_told(where: Callable[[Account, Purchase, bool], bool]) -> Plant:
    """Nobody is told that some purchases wait: no secret and no message. `where` says which ones."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def answer(account: Account, purchase: Purchase, outcome: Any, on_session: bool, messages: Any) -> Answer:
                silent = where(account, purchase, on_session)
                found: Answer = original(account, purchase, PROCESSING if silent else outcome, on_session, messages)
                return found

            return answer

        patch.wrap(purchases, "_answer", make)

    return plant


def _first_payment(account: Account, purchase: Purchase, on_session: bool) -> bool:
    return on_session and purchase.kind == "lines" and purchase.amount_minor > 0 and not account.payment_methods


def _challenge(account: Account, purchase: Purchase, on_session: bool) -> bool:
    return on_session and purchase.kind == "lines" and purchase.amount_minor > 0 and bool(account.payment_methods)


def _set_up(_: Account, purchase: Purchase, on_session: bool) -> bool:
    return on_session and purchase.intent_kind == "setup"


def _change(_: Account, purchase: Purchase, on_session: bool) -> bool:
    return on_session and purchase.change is not None


def _off_session(_: Account, __: Purchase, on_session: bool) -> bool:
    return not on_session


def empty_answer(patch: Patches) -> None:
    """A purchase without a payment method is answered with nothing, where the old answer was 402."""

    def make(original: Any) -> Any:
        def answer(account: Account, purchase: Purchase, outcome: Any, on_session: bool, messages: list[Any]) -> Answer:
            if outcome == NEEDS_CUSTOMER:
                return success(None, messages)
            found: Answer = original(account, purchase, outcome, on_session, messages)
            return found

        return answer

    patch.wrap(purchases, "_answer", make)


def secret_is(change: Callable[[Account, str], str]) -> Plant:
    """The client secret in the answer is not the one of the intent."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def answer(account: Account, *args: Any) -> Answer:
                found: Answer = original(account, *args)
                result = found.body["result"]
                result["client_secrets"] = [change(account, secret) for secret in result["client_secrets"]]
                return found

            return answer

        patch.wrap(purchases, "_answer", make)

    return plant


def id_alone(account: Account, secret: str) -> str:
    """The intent's id instead of its secret."""
    return secret.partition("_secret_")[0]


def cut_off(account: Account, secret: str) -> str:
    """A secret that did not fit its column."""
    return secret[: secret.index("_secret_") + len("_secret_")]


def first_of_account() -> Callable[[Account, str], str]:
    """A cache of secrets that nobody invalidates, by account."""
    known: dict[str, str] = {}
    return lambda account, secret: known.setdefault(account.id, secret)


def of_other_account() -> Callable[[Account, str], str]:
    """A cache of secrets whose key lacks the account."""
    known: list[str] = []

    def other(account: Account, secret: str) -> str:
        known.append(secret)
        return known[0]

    return other


def secrets_cached_by_account(patch: Patches) -> None:
    """Secrets are cached by account, and the cache is never cleared."""
    secret_is(first_of_account())(patch)


def secrets_cached_for_all(patch: Patches) -> None:
    """Secrets are cached, and the cache's key lacks the account."""
    secret_is(of_other_account())(patch)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="secret-and-no-1211-off-session",
        title="A service is answered as if a customer were there: with a secret that nobody will use.",
        plant=answer_as_if(True),
        shown_by=("iapi-without-customer",),
        finds=("off-session-told",),
    ),
    Defect(
        name="no-secret-but-1211-on-session",
        title="A customer is answered as if nobody were there: with a message and no secret.",
        plant=answer_as_if(False),
        shown_by=("missing-payment-method",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="no-secret-on-session",
        title="A purchase without a payment method waits, and the customer gets no secret.",
        plant=waiting_is_not_told(_first_payment),
        shown_by=("missing-payment-method",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="no-secret-for-a-challenge",
        title="The card on file asks for a challenge, and the customer gets no secret.",
        plant=waiting_is_not_told(_challenge),
        shown_by=("authentication-required-on-file",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="no-secret-for-a-set-up",
        title="A purchase of nothing waits for a set-up, and the customer gets no secret.",
        plant=waiting_is_not_told(_set_up),
        shown_by=("nothing-due-now",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="no-secret-for-an-upgrade",
        title="An upgrade waits for payment, and the customer gets no secret.",
        plant=waiting_is_not_told(_change),
        shown_by=("upgrade-only",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="no-message-off-session",
        title="A service's purchase waits for a customer, and the service is not told.",
        plant=waiting_is_not_told(_off_session),
        shown_by=("iapi-without-customer",),
        finds=("off-session-told",),
    ),
    Defect(
        name="empty-answer-to-an-old-front-end",
        title="A purchase without a payment method is answered with nothing, which an old front end does not survive.",
        plant=empty_answer,
        shown_by=("old-front-end-new-backend",),
        phase=2,
        finds=("old-frontend-survives",),
        also=("no-pm-gate-rejections", "cart-conserved"),
    ),
    Defect(
        name="empty-answer-to-a-new-front-end",
        title="A purchase without a payment method is answered with nothing, after removal.",
        plant=empty_answer,
        shown_by=("missing-payment-method",),
        finds=("no-pm-gate-rejections",),
        also=("cart-conserved", "old-frontend-survives"),
    ),
    Defect(
        name="intents-id-instead-of-its-secret",
        title="The answer holds the intent's id instead of its secret.",
        plant=secret_is(id_alone),
        shown_by=("missing-payment-method",),
        finds=("secret-usable",),
        also=("old-frontend-survives",),
    ),
    Defect(
        name="secret-cut-off",
        title="The answer holds a secret that did not fit its column.",
        plant=secret_is(cut_off),
        shown_by=("missing-payment-method",),
        finds=("secret-usable",),
        also=("old-frontend-survives",),
    ),
    Defect(
        name="secret-of-a-cancelled-intent",
        title="Secrets are cached by account, and the cache is never cleared.",
        plant=secrets_cached_by_account,
        shown_by=("abandoned-23-hours",),
        finds=("secret-usable",),
        also=("amounts-agree",),
    ),
    Defect(
        name="secret-of-another-account",
        title="Secrets are cached, and the cache's key lacks the account.",
        plant=secrets_cached_for_all,
        shown_by=("missing-payment-method", "busy-hour"),
        finds=("secret-usable",),
        also=("amounts-agree", "old-frontend-survives", "zero-due-sets-up"),
    ),
)
