"""One request while it is worked on: who asks, when, and which events it has caused so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.facts import EXACT, Journal
from sim.stripe.account import UNCLAIMED, Account, Ledger
from sim.stripe.event import Body, Event
from sim.stripe.webhook_endpoint import WebhookEndpoint

ACTOR = "stripe"


class Context:
    """What an endpoint works with. `automatic_types` are the methods switched on in the dashboard."""

    __slots__ = (
        "ledger",
        "journal",
        "now_us",
        "now_s",
        "publishable",
        "version",
        "idempotency_key",
        "automatic_types",
        "secret_seed",
        "endpoints",
        "account",
        "events",
        "_request_id",
    )

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        now_us: int,
        now_s: int,
        publishable: bool,
        version: str,
        idempotency_key: str | None,
        automatic_types: tuple[str, ...],
        secret_seed: bytes,
        endpoints: dict[str, WebhookEndpoint],
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self.now_us = now_us
        self.now_s = now_s
        self.publishable = publishable
        self.version = version
        self.idempotency_key = idempotency_key
        self.automatic_types = automatic_types
        self.secret_seed = secret_seed
        self.endpoints = endpoints
        self.account: Account | None = None
        self.events: list[Event] = []
        self._request_id: str | None = None

    def owner(self, metadata: Mapping[str, str] | None) -> Account:
        """The account that metadata names, or the partition of what nobody has claimed."""
        return self.ledger.account((metadata or {}).get("account_id") or UNCLAIMED)

    @property
    def request_id(self) -> str:
        """The id of this request: counted within the account it turned out to be for."""
        if self._request_id is None:
            self._request_id = (self.account or self.ledger.account(UNCLAIMED)).next_id("req")
        return self._request_id

    def emit(
        self, account: Account, event_type: str, subject: str, body: Body, previous: Mapping[str, Any] | None = None
    ) -> None:
        """Record an event about `subject`; its deliveries start when the request is done."""
        if self.account is None:
            self.account = account
        event_id = account.next_id("evt")
        event = Event(
            event_id,
            event_type,
            account.account_id,
            self.now_s,
            self.now_us,
            subject,
            body,
            self.request_id,
            self.idempotency_key,
            previous,
        )
        account.objects[event_id] = event
        self.events.append(event)

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
