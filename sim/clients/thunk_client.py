"""Multisku's client: every call dispatches request, then success or error, and views read the outcome from the state.

As `fetchWithoutErrorNotifications` does, it never raises and never shows an error of its own: errors are pieces of
state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from sim.clients.gateway_client import GatewayClient
from sim.clients.reply import Reply
from sim.effects import DEFAULT_TIMEOUT_US, Program

if TYPE_CHECKING:
    from sim.customers.session import Session

ActionKind = Literal["request", "success", "error"]


class Triple:
    """What the state holds for one kind of call: is it under way, what came, what went wrong."""

    __slots__ = ("data", "error", "is_requesting")

    def __init__(self, is_requesting: bool = False, data: Any = None, error: Reply | None = None) -> None:
        self.is_requesting = is_requesting
        self.data = data
        self.error = error


_REQUESTING: Final = Triple(is_requesting=True)


def reduce(kind: ActionKind, reply: Reply | None = None) -> Triple:
    """The next state after an action. A request clears what stood there before."""
    if kind == "request" or reply is None:
        return _REQUESTING
    return Triple(data=reply.result) if kind == "success" else Triple(error=reply)


class ThunkClient(GatewayClient):
    """A thunk creator with its store. `state` maps an operation to its triple."""

    __slots__ = ("state",)

    def __init__(self, session: Session, name: str) -> None:
        super().__init__(session, name)
        self.state: dict[str, Triple] = {}

    def dispatch(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Reply]:
        """Run one thunk. The reply is also returned, as thunks return their promise; errors are found in `state`."""
        self.state[operation] = reduce("request")
        reply = yield from self.send(operation, method, path, body, key, timeout_us)
        self.state[operation] = reduce("success" if reply.ok else "error", reply)
        return reply
