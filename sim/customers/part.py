"""A part of a cart: one request of those that item separation makes, with what came of it."""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import member_of, objects_in

IN_FORCE: Final = ("Paid", "Provisioned")
"""States of a subscription that is paid."""


class Part:
    """One request of the cart's: subscriptions in bulk, the domains, an upgrade or more of a component.

    `expects`: the features that are active when it is bought. `lines`: what `pre_auth` would be asked for. `shows`:
    whether an active entitlement shows that it was bought (an appended component leaves no such trace).
    """

    __slots__ = (
        "bought",
        "expects",
        "key",
        "lines",
        "members",
        "method",
        "operation",
        "path",
        "secrets",
        "shows",
        "subscriptions",
    )

    def __init__(
        self,
        operation: str,
        method: str,
        path: str,
        members: dict[str, Any],
        expects: tuple[str, ...],
        lines: tuple[dict[str, Any], ...] = (),
        shows: bool = True,
    ) -> None:
        self.operation = operation
        self.method = method
        self.path = path
        self.members = members
        self.expects = expects
        self.lines = lines
        self.shows = shows
        self.key = ""
        self.bought = False
        self.secrets: list[str] = []
        self.subscriptions: list[dict[str, Any]] = []

    def body(self, nonce: str | None = None, on_session: bool = True) -> dict[str, Any]:
        """The body of the request; the nonce is what was collected before submit."""
        if nonce is None:
            return {**self.members, "user_is_on_session": on_session}
        return {**self.members, "payment_method_id": nonce, "user_is_on_session": on_session}

    def feature_of(self, number: int, subscription: dict[str, Any]) -> str:
        """What is active when that subscription of the answer is granted: answers come in any order.

        The answer to a change may still show the plan in force; then only its place tells.
        """
        plan = _plan_of(subscription)
        return plan if plan in self.expects else self.expects[min(number, len(self.expects) - 1)]

    def take(self, result: Any) -> None:
        """Keep what the answer of a purchase holds."""
        self.bought = True
        self.subscriptions = objects_in(member_of(result, "subscriptions"))
        secrets = member_of(result, "client_secrets")
        self.secrets = [one for one in secrets if is_secret(one)] if type(secrets) is list else []


def is_secret(secret: Any) -> bool:
    """Whether something is a client secret as far as a front end looks: `pi_…` and `seti_…` go their separate ways."""
    return type(secret) is str and secret.startswith(("pi_", "seti_"))


def newest(listed: Any, part: Part) -> list[dict[str, Any]] | None:
    """The listed subscriptions that a part made last, one for each feature; None where one is missing.

    Unpaid ones come first, then later ones: a list may come in any order.
    """
    if not part.shows or part.operation == "update":
        return None
    left = [one for one in objects_in(listed) if one.get("state") in ("AwaitingPayment", *IN_FORCE)]
    left.sort(key=lambda one: (one.get("state") == "AwaitingPayment", str(one.get("created_on", ""))), reverse=True)
    found: list[dict[str, Any]] = []
    for feature in part.expects:
        match = next((one for one in left if _plan_of(one) == feature), None)
        if match is None:
            return None
        left.remove(match)
        found.append(match)
    return found


def _plan_of(subscription: dict[str, Any]) -> Any:
    return member_of(subscription.get("rate_plan"), "id")


def lines_list(lines: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """The lines as a JSON array."""
    return list(lines)
