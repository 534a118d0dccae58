"""The rate limit in Redis: the same limit, for several servers together, with or without Redis."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.servers import server_rate_limit
from conformance.servers.redis_rate_limit import KEY_PREFIX, LONGEST_REST_S, REST_S, RedisError, RedisRateLimit
from conformance.servers.server_rate_limit import ServerRateLimit
from sim.rate_limit import BLOCKED_US, WINDOW_US, MemoryRateLimit
from sim.store import Account
from sim.time import DAY_US, SECOND_US

NOW_US = 1_790_000_000_123_457
PATIENT_S = 20.0
"""Redis's time in tests that are not about time: the machine may be busy."""


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def account(number: int = 1) -> Account:
    return Account(f"acct{number:08d}", number, f"cus_{number}", f"tok_{number}", 0)


@pytest.fixture
def limit(redis_url: str) -> Iterator[RedisRateLimit]:
    one = RedisRateLimit(redis_url, PATIENT_S)
    yield one
    one.close()


steps = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.sampled_from([0, 1, SECOND_US, WINDOW_US - 1, WINDOW_US, BLOCKED_US - 1, BLOCKED_US, DAY_US]),
        st.integers(1, 3),
    ),
    max_size=40,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_redis_and_the_server_alone_count_as_memory_does(redis_url: str, steps: list[tuple[int, int, int]]) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    limits = MemoryRateLimit(), ServerRateLimit(), RedisRateLimit(redis_url, PATIENT_S)
    accounts = {1: account(1), 2: account(2)}
    now_us = NOW_US
    for number, passes_us, allowed in steps:
        now_us += passes_us
        expected, alone, together = [one.retry_after_s(accounts[number], allowed, now_us) for one in limits]
        assert alone == expected
        assert together == expected
    assert not limits[2].alone
    limits[2].close()


def test_servers_count_together(redis_url: str, limit: RedisRateLimit) -> None:
    other = RedisRateLimit(redis_url, PATIENT_S)
    waits = [one.retry_after_s(account(), 3, NOW_US) for one in (limit, other, limit, other, limit)]
    assert waits == [0, 0, 0, 300, 300]
    assert other.retry_after_s(account(2), 3, NOW_US) == 0
    other.close()


def test_counts_do_not_stay_for_ever(redis_url: str, limit: RedisRateLimit) -> None:
    limit.retry_after_s(account(), 3, NOW_US)
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.pttl(KEY_PREFIX + account().id) <= 2 * (WINDOW_US + BLOCKED_US) // 1000


def test_a_clock_that_was_set_back_blocks_nobody_for_a_day(limit: RedisRateLimit) -> None:
    assert [limit.retry_after_s(account(), 1, NOW_US + DAY_US) for _ in range(2)] == [0, 300]
    assert limit.retry_after_s(account(), 1, NOW_US) == 0


def test_what_somebody_else_keeps_under_the_key_stops_no_request(
    redis_url: str, limit: RedisRateLimit, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set(KEY_PREFIX + account().id, "something else")
    assert [limit.retry_after_s(account(), 1, NOW_US) for _ in range(2)] == [0, 300]
    assert limit.alone
    assert "WRONGTYPE" in caplog.text


class Redis:
    """A Redis of the test's own, to be killed."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([str(self._program), *options], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"Ready to accept connections" in line:
                return
        pytest.fail("redis-server did not start")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


@pytest.fixture
def mortal(redis_server: Path, tmp_path: Path) -> Iterator[Redis]:
    one = Redis(redis_server, tmp_path)
    one.start()
    yield one
    one.kill()


def test_a_redis_that_dies_in_the_middle_costs_no_request_and_is_used_again_when_it_is_back(
    mortal: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    limit = RedisRateLimit(mortal.url, PATIENT_S, clock)
    assert limit.retry_after_s(account(), 2, NOW_US) == 0
    mortal.kill()
    assert [limit.retry_after_s(account(), 2, NOW_US) for _ in range(4)] == [0, 0, 300, 300]
    assert limit.alone
    mortal.start()
    clock.now_s = REST_S - 0.01
    assert limit.retry_after_s(account(), 2, NOW_US) == 300
    assert limit.alone
    clock.now_s = REST_S
    assert [limit.retry_after_s(account(), 2, NOW_US) for _ in range(3)] == [0, 0, 300]
    assert not limit.alone
    limit.close()
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        f"Redis at 127.0.0.1:{mortal.port}/0 failed",
        f"Redis at 127.0.0.1:{mortal.port}/0 answers again: requests are counted together",
    ]


def test_a_redis_that_stays_away_is_asked_less_and_less_often(mortal: Redis) -> None:
    clock = Clock()
    limit = RedisRateLimit(mortal.url, PATIENT_S, clock)
    asked: list[float] = []
    counted = limit._counted

    def noted(account_id: str, allowed: int, now_us: int) -> int:
        asked.append(clock.now_s)
        return counted(account_id, allowed, now_us)

    limit._counted = noted  # type: ignore[method-assign]
    mortal.kill()
    for second in range(100):
        clock.now_s = second
        for _ in range(3):
            limit.retry_after_s(account(), 1_000, NOW_US)
    assert asked == [0, 1, 3, 7, 15, 31, 31 + LONGEST_REST_S, 31 + 2 * LONGEST_REST_S]
    limit.close()


def test_a_redis_that_hangs_is_given_up_after_the_time_out_once(mortal: Redis) -> None:
    clock = Clock()
    limit = RedisRateLimit(mortal.url, 0.05, clock)
    limit.retry_after_s(account(), 1, NOW_US)
    mortal.send(signal.SIGSTOP)
    assert [limit.retry_after_s(account(2), 1, NOW_US) for _ in range(3)] == [0, 300, 300]
    assert limit.alone
    mortal.send(signal.SIGCONT)
    limit.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost", "the address of Redis is not one: expected redis://"),
        ("http://localhost", "is not one"),
        ("redis://:secret@127.0.0.1:nope", "is not one"),
        ("redis://:secret@127.0.0.1:1/3", "no Redis answers at 127.0.0.1:1/3: .*refused.*: start it, or correct"),
    ],
)
def test_an_address_that_does_not_do_is_refused_with_the_reason(url: str, words: str) -> None:
    with pytest.raises(RedisError, match=words) as refused:
        RedisRateLimit(url)
    assert "secret" not in str(refused.value)


def test_accounts_that_were_quiet_for_long_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_rate_limit, "WINDOWS_MAX", 4)
    limit = ServerRateLimit()
    limit.retry_after_s(account(1), 1, NOW_US)
    later_us = NOW_US + WINDOW_US + BLOCKED_US
    for number in (2, 3, 4, 5):
        limit.retry_after_s(account(number), 1, later_us + number)
    assert [limit.retry_after_s(account(number), 1, later_us + 9) for number in (5, 4)] == [300, 300]
    assert limit.retry_after_s(account(1), 1, later_us + 9) == 0
