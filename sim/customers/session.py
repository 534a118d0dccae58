"""What a customer's programs share: account, credential, journal, and the count of attempts and requests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from sim.customers.ending import Ending
from sim.customers.population import Population
from sim.facts import OBSERVED, Fact, Journal
from sim.inspection import Inspector
from sim.purposes import Purpose
from sim.streams import Streams
from sim.time import Clock

_new = tuple.__new__

# Looked up once: a member of an enumeration costs a call in Python 3.11.
_THINK: Final = Purpose.THINK

DRAWS_PER_ATTEMPT: Final = 16
"""Draws of one purpose that an attempt may use: bounds its tries, and keeps a second attempt's draws apart."""


class Addresses:
    """The gateway's fixed paths under one prefix."""

    __slots__ = (
        "bulk",
        "entitlements",
        "payment_methods",
        "pre_auth",
        "prefix",
        "profile",
        "registrar",
        "setup",
        "subscriptions",
        "zones",
    )

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.bulk = prefix + "/bulk/subscriptions"
        self.entitlements = prefix + "/entitlements"
        self.payment_methods = prefix + "/payment-methods"
        self.pre_auth = prefix + "/billing/pre_auth/stripe_payment_intent"
        self.profile = prefix + "/billing/profile"
        self.registrar = prefix + "/billing/checkout"
        self.setup = prefix + "/billing/profile/payment-method"
        self.subscriptions = prefix + "/subscriptions"
        self.zones = prefix + "/zones"


addresses_under = lru_cache(maxsize=16)(Addresses)


class Session:
    """One customer's stay. It numbers attempts (`a1` …), requests (`r1` …) and decisions to buy.

    `key_prefix` begins every idempotency key; against a deployment whose accounts are used again it must differ from
    run to run. `zones`: ids of zones that the account had from the start. `attempt_id` is "" before the first attempt.
    `inspector` looks at every answer, where there is one; `watchful` clients look around after every change.
    """

    __slots__ = (
        "_entitlements_shown",
        "_facts",
        "_outcome_noted",
        "_requests",
        "_steps",
        "account_id",
        "actor",
        "addresses",
        "attempt_id",
        "attempts",
        "authorization",
        "clock",
        "decisions",
        "inspector",
        "key_prefix",
        "population",
        "publishable_key",
        "streams",
        "watchful",
        "zones",
    )

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        streams: Streams,
        population: Population,
        account_id: str,
        token: str,
        zones: tuple[str, ...] = (),
        gateway_path: str = "/api/v4",
        publishable_key: str = "pk_test_gatefall",
        key_prefix: str | None = None,
    ) -> None:
        self.clock = clock
        self._facts = journal.open(account_id)
        self.streams = streams
        self.population = population
        self.account_id = account_id
        self.authorization = "Bearer " + token
        self.zones = zones
        self.addresses = addresses_under(gateway_path)
        self.publishable_key = publishable_key
        self.key_prefix = account_id if key_prefix is None else key_prefix
        self.inspector: Inspector | None = None
        self.watchful = population.watchful
        self.attempts = 0
        self.attempt_id = ""
        self.actor = ""
        self.decisions = 0
        self._requests = 0
        self._steps: set[str] = set()
        self._outcome_noted = True
        self._entitlements_shown: dict[str, str] = {}

    @classmethod
    def of_account(
        cls,
        made: Mapping[str, Any],
        clock: Clock,
        journal: Journal,
        streams: Streams,
        population: Population,
        gateway_path: str = "/api/v4",
        publishable_key: str = "pk_test_gatefall",
        key_prefix: str | None = None,
    ) -> Session:
        """The session on the account that test support answered. Raises KeyError where the answer names none."""
        zones = tuple(zone["id"] for zone in made.get("zones") or ())
        return cls(
            clock,
            journal,
            streams,
            population,
            made["account_id"],
            made["token"],
            zones,
            gateway_path,
            publishable_key,
            key_prefix,
        )

    @property
    def draw_base(self) -> int:
        """The index of the first draw of this attempt, for purposes that are drawn more than once."""
        return (self.attempts - 1) * DRAWS_PER_ATTEMPT

    def review_us(self) -> int:
        """How long the customer looks at the page before acting."""
        return self.streams.duration_us(self.population.review, _THINK, self.draw_base)

    def begin(self, actor: str, detail: Mapping[str, Any]) -> None:
        """Start the next attempt. Raises RuntimeError while the one before has no outcome."""
        if not self._outcome_noted:
            raise RuntimeError(f"attempt {self.attempt_id} of {self.account_id} has no outcome yet: end it first")
        self.attempts += 1
        self.attempt_id = f"a{self.attempts}"
        self.actor = actor
        self._steps.clear()
        self._outcome_noted = False
        self.note("attempt", self.attempt_id, detail=detail)

    def end(self, ending: Ending) -> None:
        """Note the attempt's one outcome. Raises RuntimeError at a second one."""
        if self._outcome_noted:
            raise RuntimeError(f"attempt {self.attempt_id} of {self.account_id} has its outcome already: {ending}")
        self._outcome_noted = True
        self.note("outcome", self.attempt_id, state=ending.outcome, detail={"reason": ending.reason})

    def step(self, name: str) -> None:
        """Note that the attempt entered a step of the funnel, the first time it does."""
        if name not in self._steps:
            self._steps.add(name)
            self.note("step", self.attempt_id, None, None, name)

    def shown(self, state: str, reason: str, status: int | None = None, code: int | None = None) -> None:
        """Note what the customer is shown."""
        self.note("shown", self.attempt_id, None, None, state, status, code, detail={"reason": reason})

    def next_request_id(self) -> str:
        """r1, r2 …"""
        self._requests += 1
        return f"r{self._requests}"

    def next_key(self) -> str:
        """The idempotency key of a new decision to buy; a retry of the same decision keeps the old one."""
        self.decisions += 1
        return f"{self.key_prefix}-{self.attempt_id}-{self.decisions}"

    def shows_new_state(self, subscription_id: str, status: str) -> bool:
        """Whether an entitlement is shown in another state than before."""
        if self._entitlements_shown.get(subscription_id) == status:
            return False
        self._entitlements_shown[subscription_id] = status
        return True

    def note(
        self,
        kind: str,
        subject: str,
        related: str | None = None,
        operation: str | None = None,
        state: str | None = None,
        status: int | None = None,
        code: int | None = None,
        amount_minor: int | None = None,
        detail: Mapping[str, Any] | None = None,
        actor: str | None = None,
    ) -> None:
        """Note a fact that the customer's side observed; by the attempt's client, unless another actor is named."""
        row = (
            self.clock.now_us,
            OBSERVED,
            actor or self.actor,
            kind,
            subject,
            related,
            operation,
            state,
            status,
            code,
            amount_minor,
            detail,
        )
        self._facts.append(_new(Fact, row))
