"""An account as a document: everything that the deployment keeps of it, in a form that a database can hold.

`dumped` and `loaded` are exact: what was loaded behaves in every way as what was dumped, down to the order of
dictionaries (Stripe's idempotency compares bodies, bulk answers list in order), to tuples, and to purchases being the
same objects wherever the account names them. The document is JSON in ASCII, written by the standard library, because
customers' bodies are kept in it word for word: numbers of any size, unpaired surrogates and all.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from sim.messages import Answer
from sim.store import (
    Account,
    AccountPaymentMethod,
    Change,
    EntitlementRow,
    Invoice,
    KeptAnswer,
    Purchase,
    Subscription,
    Zone,
)

FORMAT: Final = 1
"""Goes up when what a document holds changes; documents of another format are refused, never guessed at."""

AS_THEY_ARE: Final[Mapping[type, tuple[str, ...]]] = {
    Account: (
        "id",
        "number",
        "prefix",
        "customer",
        "token",
        "created_us",
        "locked",
        "banned",
        "profile",
        "setups",
        "request_window",
    ),
    Subscription: (
        "id",
        "rate_plan",
        "frequency",
        "zone_id",
        "quantity",
        "components",
        "domain",
        "price_minor",
        "state",
        "created_us",
        "purchase_id",
        "paid",
        "detail",
    ),
    Purchase: (
        "id",
        "kind",
        "operation",
        "subscription_ids",
        "amount_minor",
        "state",
        "created_us",
        "intent_kind",
        "intent_id",
        "client_secret",
        "generation",
        "confirmations",
        "pending_body",
        "invoice_id",
        "granted",
        "refunds",
        "paid_with",
    ),
    Change: ("rate_plan", "components", "price_minor", "quantity"),
    EntitlementRow: ("feature", "subscription_id", "zone_id", "active", "activated_us"),
    AccountPaymentMethod: ("id", "type", "brand", "last4", "exp_month", "exp_year", "is_default", "detached"),
    Zone: ("id", "name", "status"),
    Invoice: (
        "id",
        "number",
        "amount_minor",
        "created_us",
        "status",
        "subscription_ids",
        "intent_id",
        "purchase_id",
    ),
    KeptAnswer: ("operation", "identifier"),
    Answer: ("status", "body", "headers"),
}
"""Attributes whose values are JSON already. What each class has besides is treated by hand below."""

BY_HAND: Final[Mapping[type, tuple[str, ...]]] = {
    Account: (
        "subscriptions",
        "purchases",
        "open_purchases",
        "unanswered_purchases",
        "intents",
        "entitlements",
        "payment_methods",
        "gone_payment_methods",
        "zones",
        "invoices",
        "kept_answers",
        "seen_events",
    ),
    Purchase: ("signature", "change", "draft"),
    Change: ("before",),
    KeptAnswer: ("body", "answer"),
}
"""Attributes that are more than JSON: other objects, tuples, sets, bytes."""

_ROWS: Final[Mapping[str, type]] = {
    "subscriptions": Subscription,
    "entitlements": EntitlementRow,
    "payment_methods": AccountPaymentMethod,
    "zones": Zone,
}
"""Dictionaries of objects that nothing else refers to."""
_SETS: Final = ("gone_payment_methods", "seen_events")
_PURCHASES: Final = ("purchases", "open_purchases", "unanswered_purchases", "intents")
"""Dictionaries that share their purchases."""

T = TypeVar("T")


class DocumentError(Exception):
    """A document that this version cannot read. The message is for a person."""


def dumped(account: Account) -> str:
    """The account as JSON. Raises TypeError for a value that is none, which is a defect of Gatefall."""
    purchases: dict[int, tuple[int, Purchase]] = {}
    document = _fields(account)
    for name in _ROWS:
        document[name] = {key: _fields(row) for key, row in getattr(account, name).items()}
    for name in _PURCHASES:
        document[name] = _places(getattr(account, name), purchases)
    for name in _SETS:
        document[name] = sorted(getattr(account, name))
    document["invoices"] = [_fields(invoice) for invoice in account.invoices]
    document["kept_answers"] = {key: _kept_answer(kept) for key, kept in account.kept_answers.items()}
    document["all_purchases"] = [_purchase(purchase) for _, purchase in purchases.values()]
    document["format"] = FORMAT
    return json.dumps(document, separators=(",", ":"))


def loaded(text: str) -> Account:
    """The account of such a document. Raises DocumentError."""
    try:
        document = json.loads(text)
        written_as = document.pop("format")
        if written_as != FORMAT:
            raise DocumentError(_other_version(f"it is of format {written_as!r}, this version reads format {FORMAT}"))
        return _account(document)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise DocumentError(_other_version(f"{type(error).__name__}: {error}")) from error


def _account(document: dict[str, Any]) -> Account:
    purchases = [_loaded_purchase(entry) for entry in document["all_purchases"]]
    account = _object(Account, document)
    for name, kind in _ROWS.items():
        setattr(account, name, {key: _object(kind, row) for key, row in document[name].items()})
    for name in _PURCHASES:
        setattr(account, name, {key: purchases[place] for key, place in document[name].items()})
    for name in _SETS:
        setattr(account, name, set(document[name]))
    account.invoices = [_object(Invoice, row) for row in document["invoices"]]
    account.kept_answers = {key: _loaded_kept_answer(row) for key, row in document["kept_answers"].items()}
    return account


# --- purchases ---------------------------------------------------------------------------------------------------


def _places(named: Mapping[str, Purchase], purchases: dict[int, tuple[int, Purchase]]) -> dict[str, int]:
    """Where each purchase stands in the document's list of all purchases, which grows by those not yet in it."""
    return {key: purchases.setdefault(id(purchase), (len(purchases), purchase))[0] for key, purchase in named.items()}


def _purchase(purchase: Purchase) -> dict[str, Any]:
    document = _fields(purchase)
    document["signature"] = _without_tuples(purchase.signature)
    document["change"] = None if purchase.change is None else _change(purchase.change)
    document["draft"] = None if purchase.draft is None else [_fields(subscription) for subscription in purchase.draft]
    return document


def _loaded_purchase(document: Mapping[str, Any]) -> Purchase:
    purchase = _object(Purchase, document)
    change, draft = document["change"], document["draft"]
    purchase.signature = _with_tuples(document["signature"])
    purchase.change = None if change is None else _loaded_change(change)
    purchase.draft = None if draft is None else [_object(Subscription, row) for row in draft]
    return purchase


def _change(change: Change) -> dict[str, Any]:
    document = _fields(change)
    document["before"] = None if change.before is None else list(change.before)
    return document


def _loaded_change(document: Mapping[str, Any]) -> Change:
    change = _object(Change, document)
    before = document["before"]
    change.before = None if before is None else tuple(before)
    return change


def _without_tuples(signature: Iterable[Any]) -> list[Any]:
    """A signature consists of tuples, texts, numbers and nothing else: as a list its tuples are lists."""
    return [_without_tuples(part) if isinstance(part, tuple) else part for part in signature]


def _with_tuples(signature: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_with_tuples(part) if isinstance(part, list) else part for part in signature)


# --- kept answers ------------------------------------------------------------------------------------------------


def _kept_answer(kept: KeptAnswer) -> dict[str, Any]:
    document = _fields(kept)
    document["answer"] = _fields(kept.answer)
    if isinstance(kept.body, bytes):  # what no JSON could be read from
        document["body_base64"] = b64encode(kept.body).decode()
    else:
        document["body"] = kept.body
    return document


def _loaded_kept_answer(document: Mapping[str, Any]) -> KeptAnswer:
    kept = _object(KeptAnswer, document)
    kept.answer = _object(Answer, document["answer"])
    if "body_base64" in document:
        kept.body = b64decode(document["body_base64"])
    else:
        kept.body = document["body"]
    return kept


# --- every object ------------------------------------------------------------------------------------------------


def _fields(item: object) -> dict[str, Any]:
    """What can stand in the document as it is."""
    return {name: getattr(item, name) for name in AS_THEY_ARE[item.__class__]}


def _object(kind: type[T], document: Mapping[str, Any]) -> T:
    """An object with those attributes. Raises KeyError for one that the document lacks."""
    item = kind.__new__(kind)
    for name in AS_THEY_ARE[kind]:
        setattr(item, name, document[name])
    return item


def _other_version(why: str) -> str:
    return (
        f"a stored account cannot be read ({why}); it was probably written by another version of Gatefall: "
        "use that version, or an empty database"
    )
