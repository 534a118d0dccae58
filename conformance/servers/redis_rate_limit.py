"""The rate limit in Redis, so that several servers count together.

Redis is there for speed: when it does not answer, requests go on, counted by this server alone, and nobody pays the
time-out twice. It is asked again after a while, and counts again when it answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from conformance.servers.server_rate_limit import ServerRateLimit
from sim.rate_limit import BLOCKED_US, WINDOW_US
from sim.store import Account

TIMEOUT_S: Final = 0.05
"""How long Redis may take to answer: everything else in the server waits for it. Assumption: a hundred times what it
takes in the same data centre."""
START_TIMEOUT_S: Final = 3.0
"""The same when the server starts and nobody waits yet. Assumption."""
REST_S: Final = 1.0
"""How long a Redis that failed is left alone; doubles with every failure. Assumption."""
LONGEST_REST_S: Final = 30.0
"""Assumption: a Redis that came back is used again within half a minute."""
KEY_PREFIX: Final = "gatefall:requests:"

_KEPT_MS: Final = 2 * (WINDOW_US + BLOCKED_US) // 1000
_COUNT: Final = """
local window = redis.call('HMGET', KEYS[1], 'start_us', 'count', 'blocked_until_us')
local now_us, limit, window_us, blocked_us = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local start_us, blocked_until_us = tonumber(window[1]), tonumber(window[3])
if start_us and start_us <= now_us + window_us then
    if blocked_until_us > now_us then return math.ceil((blocked_until_us - now_us) / 1000000) end
    if blocked_until_us == 0 and now_us - start_us < window_us then
        if redis.call('HINCRBY', KEYS[1], 'count', 1) <= limit then return 0 end
        redis.call('HSET', KEYS[1], 'blocked_until_us', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[6])
        return blocked_us / 1000000
    end
end
redis.call('HSET', KEYS[1], 'start_us', ARGV[1], 'count', 1, 'blocked_until_us', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 0
"""
"""As `sim.rate_limit.count`, in one step that nobody interrupts. Times are written as they came: Lua would round them.
A window that begins in the future was counted by a clock that was set back since: it does not count."""

_log: Final = logging.getLogger(__name__)


class RedisError(Exception):
    """Redis cannot be used. The message is for a person and holds no password."""


class RedisRateLimit:
    """Counts in Redis, and while that fails in memory. `timeout_s`: see TIMEOUT_S; `monotonic_s` times the rests.

    Raises RedisError where there is no Redis at the start: that is a wrong address rather than a Redis that died.
    """

    def __init__(
        self, url: str, timeout_s: float = TIMEOUT_S, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._shown, self._client = _client(url, timeout_s)
        _check(url)
        self._count: Any = self._client.register_script(_COUNT)
        self._alone = ServerRateLimit()
        self._monotonic_s = monotonic_s
        self._rest_s = REST_S
        self._resting_until_s: float | None = None

    @property
    def alone(self) -> bool:
        """Whether this server counts alone because Redis failed."""
        return self._resting_until_s is not None

    def retry_after_s(self, account: Account, limit: int, now_us: int) -> int:
        if self._resting_until_s is not None and self._monotonic_s() < self._resting_until_s:
            return self._alone.retry_after_s(account, limit, now_us)
        try:
            wait_s = self._counted(account.id, limit, now_us)
        except (redis.RedisError, OSError, ValueError) as error:
            self._rest(error)
            return self._alone.retry_after_s(account, limit, now_us)
        if self._resting_until_s is not None:
            self._resting_until_s, self._rest_s = None, REST_S
            _log.warning("Redis at %s answers again: requests are counted together", self._shown)
        return wait_s

    def close(self) -> None:
        self._client.close()

    def _counted(self, account_id: str, limit: int, now_us: int) -> int:
        arguments = [now_us, now_us + BLOCKED_US, limit, WINDOW_US, BLOCKED_US, _KEPT_MS]
        return int(self._count(keys=[KEY_PREFIX + account_id], args=arguments))

    def _rest(self, error: Exception) -> None:
        if self._resting_until_s is None:
            _log.warning("Redis at %s failed (%s): this server counts requests alone", self._shown, error)
        self._resting_until_s = self._monotonic_s() + self._rest_s
        self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)


def _client(url: str, timeout_s: float) -> tuple[str, redis.Redis]:
    """The address as it may be shown, and a client that gives up at once. Raises RedisError."""
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
        )
    except ValueError:
        raise RedisError("the address of Redis is not one: expected redis://:password@host:port/number") from None
    options = client.connection_pool.connection_kwargs
    return f"{options.get('host', 'localhost')}:{options.get('port', 6379)}/{options.get('db') or 0}", client


def _check(url: str) -> None:
    """Raises RedisError where no Redis answers."""
    shown, client = _client(url, START_TIMEOUT_S)
    try:
        with client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        raise RedisError(f"no Redis answers at {shown}: {error}: start it, or correct the address") from error
