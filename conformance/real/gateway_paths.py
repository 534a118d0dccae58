"""Where a profile's operations are: the prefix, and the paths of operations that are elsewhere."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from conformance.over_http.callees import Callee
from conformance.over_http.client import Unanswered
from conformance.over_http.wire import json_request, read_answer
from conformance.real.credentials import Credentials
from conformance.real.guarded_client import GuardedClient
from sim.messages import UNKNOWN, Answer, Request
from sim.subscriptions_api.routes import methods_of
from sim.time import SECOND_US

_ACCOUNT: Final = "{account_id}"
_ADMINISTRATORS: Final = "/api/v3/accounts/"
"""Where administrators ask. Source: the contract."""


class GatewayPaths:
    """The addresses of one account. `prefix` is what customers take for the gateway's; `headers` go with all."""

    __slots__ = ("_account", "_paths", "headers", "prefix")

    def __init__(self, credentials: Credentials, account_id: str) -> None:
        gateway = credentials.profile.gateway
        self._account = quote(account_id, safe="")
        self._paths = gateway.paths
        self.prefix = gateway.prefix.replace(_ACCOUNT, self._account)
        named = gateway.headers_from_env.items()
        self.headers = {header.lower(): str(credentials.of(variable)) for header, variable in named}

    def actual(self, operation: str, path: str) -> str:
        """Where an operation is, given the contract's path without prefix."""
        template = self._paths.get(operation)
        if template is None:
            return self.prefix + path
        found = methods_of(path)
        return template.replace(_ACCOUNT, self._account).replace("{id}", found[1] if found else "")

    def of_request(self, operation: str, path: str) -> str:
        """Where a request goes. What a probe asks of another account, or as an administrator, is not below the prefix.

        An operation that is elsewhere is asked there, with the account in its path that the request names.
        """
        named = path.partition("/accounts/")[2].partition("/")[0]
        if path.startswith(_ADMINISTRATORS):
            return path
        if named and named != self._account:
            template = self._paths.get(operation)
            if template is None or _ACCOUNT not in template:
                return path
            found = methods_of(path.partition(f"/accounts/{named}")[2])
            return template.replace(_ACCOUNT, named).replace("{id}", found[1] if found else "")
        return self.actual(operation, path.removeprefix(self.prefix))


class GatewayCallee(Callee):
    """The gateway of a real deployment, as one account's programs call it."""

    __slots__ = ("_client", "_longest_s", "_paths", "_url")

    def __init__(self, client: GuardedClient, credentials: Credentials, paths: GatewayPaths) -> None:
        self._client = client
        self._paths = paths
        self._url = credentials.profile.gateway.url
        self._longest_s = credentials.profile.limits.timeout_s

    async def __call__(self, request: Request, timeout_us: int) -> Answer:
        paths = self._paths
        method, target, headers, content = json_request(request)
        moved = paths.of_request(request.operation, request.path)
        if moved != request.path:
            target = moved + target[len(target.partition("?")[0]) :]
        try:
            answer = await self._client.send(
                method,
                self._url + target,
                {**paths.headers, **headers},
                content,
                min(timeout_us / SECOND_US, self._longest_s),
            )
        except Unanswered:
            return UNKNOWN
        return read_answer(answer)
