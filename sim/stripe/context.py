"""One request while it is worked on: who asks, when, and which events it has caused so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.facts import EXACT, Journal
from sim.messages import Request
from sim.stripe.account import UNCLAIMED, Account, Ledger, StripeObject
from sim.stripe.credentials import Credentials
from sim.stripe.dunning import Dunning
from sim.stripe.event import API_VERSION, Body, Event
from sim.stripe.webhooks import Webhooks
from sim.time import time_us, unix_s

ACTOR = "stripe"
HOSTED_ORIGIN: Final = "https://hooks.stripe.test"


class Merchant:
    """What all requests to one Stripe have in common.

    `automatic_types` are the payment methods switched on in the dashboard, as `dunning` is set there. `name` is what
    customers see on the hosted pages, which they find at `hosted_origin`.
    """

    __slots__ = (
        "ledger",
        "journal",
        "webhooks",
        "automatic_types",
        "hosted_origin",
        "credentials",
        "secret_seed",
        "dunning",
        "renews_for_ever",
        "name",
    )

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        webhooks: Webhooks,
        automatic_types: tuple[str, ...],
        credentials: Credentials,
        name: str,
        dunning: Dunning,
        renews_for_ever: bool,
        hosted_origin: str = HOSTED_ORIGIN,
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self.webhooks = webhooks
        self.automatic_types = automatic_types
        self.hosted_origin = hosted_origin
        self.credentials = credentials
        self.secret_seed = credentials.secret_key.encode()[:64]
        self.dunning = dunning
        self.renews_for_ever = renews_for_ever
        self.name = name


class Context:
    """What an endpoint works with. `events` are those that somebody subscribes to.

    `known_request_id` is None until somebody needs the id of the request.
    """

    __slots__ = (
        "merchant",
        "ledger",
        "journal",
        "now_us",
        "now_s",
        "access",
        "authorized",
        "publishable",
        "version",
        "idempotency_key",
        "account",
        "events",
        "known_request_id",
    )

    def __init__(self, merchant: Merchant, request: Request, now_us: int) -> None:
        headers = request.headers
        self.merchant = merchant
        self.ledger = merchant.ledger
        self.journal = merchant.journal
        self.now_us = now_us
        self.now_s = unix_s(now_us)
        self.access = access = merchant.credentials[headers.get("authorization", "")]
        self.publishable = access == "browser"
        self.authorized = access != "none"
        self.version = headers.get("stripe-version", API_VERSION)
        self.idempotency_key: str | None = None
        if "idempotency-key" in headers and request.method == "POST":
            self.idempotency_key = headers["idempotency-key"]
        self.account: Account | None = None
        self.events: list[Event] = []
        self.known_request_id: str | None = None

    def stand_at(self, now_s: int) -> None:
        """From here on it is that Unix second: what happens is stamped with it."""
        self.now_s = now_s
        self.now_us = time_us(now_s)

    def owner(self, metadata: Mapping[str, str] | None) -> Account:
        """The account that metadata names, or the partition of what nobody has claimed."""
        return self.ledger.account((metadata or {}).get("account_id") or UNCLAIMED)

    def present(self, item: StripeObject) -> dict[str, Any]:
        """An object as whoever asks may see it, in the API version asked for."""
        present = getattr(item, "present", None)
        body: dict[str, Any] = item.render() if present is None else present(self)
        return body

    @property
    def request_id(self) -> str:
        """The id of this request: counted within the account it turned out to be for."""
        if self.known_request_id is None:
            self.known_request_id = (self.account or self.ledger.account(UNCLAIMED)).next_id("req")
        return self.known_request_id

    def emit(
        self, account: Account, event_type: str, subject: str, body: Body, previous: Mapping[str, Any] | None = None
    ) -> None:
        """Record an event about `subject`; its deliveries start when the request is done."""
        if self.account is None:
            self.account = account
        account.count = number = account.count + 1
        request_id = self.known_request_id or self.request_id
        row = (account, number, event_type, self.now_us, subject, body, request_id, self.idempotency_key, previous)
        if self.merchant.webhooks.receivers[event_type]:
            event = Event(*row)
            account.record.append(event)
            self.events.append(event)
        else:
            account.record.append(row)

    def note(
        self,
        account: Account,
        kind: str,
        subject: str,
        related: str | None,
        state: str,
        amount_minor: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Append an exact fact of Stripe's to the account's history."""
        self.journal.note(
            account.account_id, EXACT, ACTOR, kind, subject, related, None, state, None, None, amount_minor, detail
        )


_NO_REQUEST: Final = Request("", "")


class Unprompted(Context):
    """What Stripe does by itself because its time has come: no request is behind it, and its events name none."""

    __slots__ = ()

    def __init__(self, merchant: Merchant, account: Account, now_us: int) -> None:
        super().__init__(merchant, _NO_REQUEST, now_us)
        self.account = account

    @property
    def request_id(self) -> str:
        return ""
