"""What the program of a probe acts with: its account, a neighbour's, and what else the target lets it reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sim.clients.reply import Reply, member_of
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Call, Program
from sim.messages import Answer, Request
from sim.probes.probe_client import ProbeClient
from sim.probes.reach import Reach
from sim.time import unix_s

ADMIN_PREFIX: Final = "/api/v3/accounts/"
ADMIN_SCOPE: Final = "billing:admin"
"""The scope that an administrator's token must have. Source: the contract."""
_TOKEN_LIFE_S: Final = 600
"""Assumption: any time that outlasts one request."""
WEBHOOK_PATH: Final = "/webhooks/stripe"

_LOOKS: Final = (
    ("list_subscriptions", "/subscriptions"),
    ("entitlements", "/entitlements"),
    ("payment_methods", "/payment-methods"),
    ("profile_get", "/billing/profile"),
    ("billing_history", "/billing/history"),
)
"""What makes up the state of an account, as its owner can read it."""


@dataclass(frozen=True)
class Prober:
    """One probe at work.

    `neighbour`: the client of a second account, where the probe asked for one; its requests leave no facts in this
    history, except for what `look` notes.
    """

    shopper: Shopper
    session: Session
    client: ProbeClient
    reach: Reach
    neighbour: ProbeClient | None = None

    def path(self, below: str) -> str:
        """A customer's path, such as "/subscriptions", under the prefix of the account's own operations."""
        return self.session.addresses.prefix + below

    def path_of(self, account_id: str, below: str) -> str:
        """The same path with an account named in it."""
        prefix, own = self.session.addresses.prefix, f"/accounts/{self.session.account_id}"
        return f"{prefix.removesuffix(own)}/accounts/{account_id}{below}"

    @property
    def now_s(self) -> int:
        """The Unix time by which the age of a signature and of a token is measured."""
        now_s = self.reach.now_s
        return int(now_s()) if now_s is not None else unix_s(self.session.clock.now_us)

    def admin(
        self, operation: str, method: str, account_id: str, below: str, token: str | None, **asked: Any
    ) -> Program[Reply]:
        """Ask for an administrator's operation, such as POST "/unlock". `token`: the whole value of Authorization.

        `asked`: `tries`, `about` and so on, as for `ProbeClient.ask`.
        """
        headers = {"authorization": token}
        return (
            yield from self.client.ask(operation, method, ADMIN_PREFIX + account_id + below, headers=headers, **asked)
        )

    def admin_token(self, *, key: str | None = None, expires_in_s: int = _TOKEN_LIFE_S, **claims: Any) -> str | None:
        """The value of Authorization with a token signed with `key`, the right one unless told; None without any.

        `claims` replace the usual ones by name; None leaves one out.
        """
        import jwt  # here, because few probes need it and it is slow to load

        secret = key or self.reach.admin_secret
        if secret is None:
            return None
        usual = {"sub": "probe", "scope": ADMIN_SCOPE, "exp": self.now_s + expires_in_s}
        told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return f"ADMIN-JWT {jwt.encode(told, secret, algorithm='HS256')}"

    def deliver(
        self, event_id: str, event_type: str, object_id: str, payload: bytes, signature: str | None, **detail: Any
    ) -> Program[Answer]:
        """Deliver an event that Stripe never sent, and note it. `detail`: what is wrong with it, such as `manner`."""
        headers = {} if signature is None else {"stripe-signature": signature}
        request = Request("POST", WEBHOOK_PATH, payload, headers, operation=event_type)
        answer: Answer = yield Call("billing-webhooks", request)
        self.session.note(
            "webhook",
            event_id,
            object_id,
            event_type,
            "delivered" if 200 <= answer.status < 300 else "failed",
            answer.status or None,
            detail={"authentic": False, **detail},
            actor="impostor",
        )
        return answer

    def look(self, state: str, what: Iterable[str] | None = None) -> Program[None]:
        """Read the account, and the neighbour's, each with its own credential; note a `snapshot` of everything read.

        `state` says when: "before", "after" … `what`: the operations to read; all of them unless told.
        """
        wanted = None if what is None else frozenset(what)
        for operation, below in _LOOKS:
            if wanted is None or operation in wanted:
                yield from self._look_at("self", self.client, operation, below, state)
                if self.neighbour is not None:
                    yield from self._look_at("neighbour", self.neighbour, operation, below, state)

    def _look_at(self, owner: str, client: ProbeClient, operation: str, below: str, state: str) -> Program[None]:
        path = client.session.addresses.prefix + below
        reply = yield from client.ask(operation, "GET", path, tries="look")
        self.session.note(
            "snapshot",
            client.session.account_id,
            reply.request_id if owner == "self" else None,
            operation,
            state,
            reply.status or None,
            reply.code,
            None,
            {"owner": owner, "read": canonical(reply.result)},
        )

    def unreachable(self, what: str, reason: str) -> None:
        """Note that something could not be tried here: whoever judges it then does not know."""
        self.session.note("unreachable", what, self.session.attempt_id, detail={"reason": reason})


def canonical(result: Any) -> Any:
    """A result in a form in which equal ones are equal, whatever order the deployment lists things in."""
    if type(result) is list:
        return sorted((canonical(one) for one in result), key=_sorted_by)
    if isinstance(result, Mapping):
        return {name: canonical(result[name]) for name in sorted(result)}
    return result


def _sorted_by(value: Any) -> tuple[str, str]:
    return str(member_of(value, "id") or member_of(value, "subscription_id") or ""), repr(value)
