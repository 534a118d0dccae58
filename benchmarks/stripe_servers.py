"""How fast the Stripe double answers, next to localstripe and stripe-mock: in one run, from one client.

    python benchmarks/stripe_servers.py [--requests N] [--rounds N] [--stored N] [--connections N]

Measured for each server: POST and GET /v1/payment_intents, and GET of one of them, in requests a second and in the
server's processor time a request; with nothing stored (freshly started in each round, but for what warms it up) and
with 4,000 objects stored. The rounds alternate between the servers, and the median is printed. It takes some minutes on
an idle machine, most of them to fill localstripe.

The aim: at least four times localstripe's POST rate when empty, flat as objects grow, within a factor of three of
stripe-mock (written in Go, keeps nothing, lists one example whatever is asked). Where other programs keep the machine
busy, the ratios of processor time say more than those of rates.

The client speaks HTTP/1.1 through httptools over kept connections, builds nothing and looks at the status of every
answer; it runs in a process of its own. Its share of a processor is printed: below 100 % it was not what held a server
back. Everything listens on loopback, but for localstripe, which knows only all addresses; it runs for seconds.

stripe-mock is looked for as the tests look for it; localstripe is `pip install localstripe` (GPL: run beside, never
imported). A server that is not there is left out, and said so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httptools
import psutil

START_TIMEOUT_S = 30.0
FILL_TIMEOUT_S = 600.0
WARM_UP = 100
PROBE = 20
TICK_S = 1 / os.sysconf("SC_CLK_TCK")  # processor time is counted in these
MEASURE_S = 5.0
KEY = "sk_test_gatefall"
BODY = urlencode({"amount": 500, "currency": "usd"}).encode()
LOCALSTRIPE_STATE = Path("/tmp/localstripe.pickle")  # it writes its objects there, wherever it is started

DOUBLE, LOCALSTRIPE, STRIPE_MOCK = "Stripe double", "localstripe", "stripe-mock"
POST, LIST, GET = "POST", "GET", "GET one"


class Measured(NamedTuple):
    """Rate, the server's processor time a request, and the client's share of one processor."""

    per_second: float
    server_us: float
    client_share: float


class Connection(asyncio.Protocol):
    """One kept connection, which sends the next request when an answer is complete."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except Exception as error:  # httptools has several kinds, each the end of the measurement
            self._load.fail(f"no readable answer: {error!r}")

    def connection_lost(self, error: Exception | None) -> None:
        self._load.fail(f"the connection broke: {error!r}")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            self._load.fail(f"HTTP {status}: {b''.join(self._body)[:300]!r}")
        self._load.answered(self._body)
        self._body.clear()
        if not self._parser.should_keep_alive():
            self._load.fail("the server does not keep connections")
        self._parser = httptools.HttpResponseParser(self)
        self._next()

    def _next(self) -> None:
        if self._load.take():
            self._transport.write(self._load.request)


class Load:
    """So many times the same request, over several connections."""

    def __init__(self, request: bytes, count: int) -> None:
        self.request = request
        self._to_send = count
        self._to_come = count
        self.last: bytes = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self) -> bool:
        """Whether there is a request left to send."""
        self._to_send -= 1
        return self._to_send >= 0

    def answered(self, body: Sequence[bytes]) -> None:
        self._to_come -= 1
        if self._to_come == 0 and not self.done.done():
            self.last = b"".join(body)
            self.done.set_result(None)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(why))


async def _send(port: int, request: bytes, count: int, connections: int) -> tuple[float, bytes]:
    """Send the request so often; the seconds that it took, and the last answer."""
    load = Load(request, count)
    loop = asyncio.get_running_loop()
    begun_s = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", port)
        for _ in range(min(count, connections))
    ]
    await asyncio.wait_for(load.done, FILL_TIMEOUT_S)
    took_s = time.perf_counter() - begun_s
    for transport, _ in opened:
        transport.abort()
    return took_s, load.last


def _client(pipe: Any) -> None:
    """The client's process: takes orders, answers with seconds, own processor time and the last answer."""
    while (order := pipe.recv()) is not None:
        begun_s = time.process_time()
        try:
            took_s, last = asyncio.run(_send(*order))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
            continue
        pipe.send((took_s, time.process_time() - begun_s, last))


class Client:
    """The client, in a process of its own."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_client, args=(far,), daemon=True)
        self._process.start()

    def send(self, server: Server, request: bytes, count: int) -> tuple[Measured, Any]:
        """Send a request so often; what was measured, and the last answer. Ends the benchmark where one fails."""
        before_s = server.processor_s()
        self._pipe.send((server.port, request, count, self._connections))
        answer = self._pipe.recv()
        if isinstance(answer, str):
            sys.exit(f"{server.name} failed: {answer}")
        took_s, own_s, last = answer
        server_us = max(server.processor_s() - before_s, TICK_S) / count * 1e6
        return Measured(count / took_s, server_us, own_s / took_s), json.loads(last)

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join()


class Server(NamedTuple):
    """A server that runs."""

    name: str
    port: int
    process: psutil.Process

    def processor_s(self) -> float:
        """Processor time of the server and its children so far."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(times.user + times.system for times in (one.cpu_times() for one in family))


def command_of(name: str, port: int) -> list[str] | None:
    """How to start a server on that port of loopback; None where it is not installed."""
    beside = Path(sys.executable).parent
    path = os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath), str(Path.home() / "go" / "bin")])
    if name == DOUBLE:
        return [sys.executable, "-m", "gatefall", "serve", "stripe", "--port", str(port)]
    if name == LOCALSTRIPE:
        program = shutil.which("localstripe", path=path)
        return program and [program, "--port", str(port), "--from-scratch"]
    program = os.environ.get("TEST_STRIPE_MOCK") or shutil.which("stripe-mock", path=path)
    return program and [program, "-http-addr", f"127.0.0.1:{port}", "-https-addr", "127.0.0.1:"]


@contextmanager
def running(name: str) -> Iterator[Server]:
    """A freshly started server, stopped afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = LOCALSTRIPE_STATE.read_bytes() if name == LOCALSTRIPE and LOCALSTRIPE_STATE.exists() else None
    command = command_of(name, port)
    assert command is not None
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(name, port, process)
        yield Server(name, port, psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if kept is not None:
            LOCALSTRIPE_STATE.write_bytes(kept)
        elif name == LOCALSTRIPE:
            LOCALSTRIPE_STATE.unlink(missing_ok=True)


def _wait_for(name: str, port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_s and process.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    command = " ".join(map(str, process.args)) if isinstance(process.args, list) else process.args
    sys.exit(f"{name} did not start (exit code {process.poll()}); try by hand: {command}")


def http(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}", "Accept: */*"]
    if body:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def measure(server: Server, client: Client, requests: int) -> dict[str, Measured]:
    """The figures of one server as it stands. A slow one gets fewer requests."""
    create = http("POST", "/v1/payment_intents", BODY)
    probe, intent = client.send(server, create, PROBE)
    measured: dict[str, Measured] = {}
    for name, request in (
        (GET, http("GET", f"/v1/payment_intents/{intent['id']}")),
        (LIST, http("GET", "/v1/payment_intents")),
        (POST, create),
    ):
        probe, _ = client.send(server, request, PROBE)
        count = max(PROBE, min(requests, int(probe.per_second * MEASURE_S)))
        measured[name], _ = client.send(server, request, count)
    return measured


Rounds = dict[tuple[str, int, str], list[Measured]]


def measure_empty(names: Sequence[str], client: Client, requests: int, rounds: int, into: Rounds) -> None:
    """Freshly started servers, in every round."""
    for number in range(rounds):
        for name in names:
            progress(f"empty, round {number + 1} of {rounds}: {name}")
            with running(name) as server:
                client.send(server, http("POST", "/v1/payment_intents", BODY), WARM_UP)
                for operation, one in measure(server, client, requests).items():
                    into.setdefault((name, 0, operation), []).append(one)


def measure_stored(names: Sequence[str], client: Client, requests: int, rounds: int, stored: int, into: Rounds) -> None:
    """Servers that hold objects: all are filled once, and then measured in turns."""
    with ExitStack() as stack:
        servers = [stack.enter_context(running(name)) for name in names]
        for server in servers:
            progress(f"storing {stored:,} objects: {server.name}")
            client.send(server, http("POST", "/v1/payment_intents", BODY), stored)
        for number in range(rounds):
            for server in servers:
                progress(f"{stored:,} stored, round {number + 1} of {rounds}: {server.name}")
                for operation, one in measure(server, client, requests).items():
                    into.setdefault((server.name, stored, operation), []).append(one)


def progress(what: str) -> None:
    print(what, file=sys.stderr)


def median_of(rounds: Sequence[Measured]) -> Measured:
    """The median of each figure."""
    return Measured(*(statistics.median(figures) for figures in zip(*rounds, strict=True)))


Figures = dict[tuple[str, int, str], Measured]


def print_table(figures: Figures, names: Sequence[str], stored: int) -> None:
    print(f"\n{'':26}" + "".join(f"{name:>44}" for name in names))
    print(f"{'/v1/payment_intents':26}" + f"{'per second':>20}{'server us':>12}{'client':>12}" * len(names))
    for before in (0, stored):
        for operation in (POST, LIST, GET):
            cells = [figures[name, before, operation] for name in names]
            print(
                f"{operation:8} {before:>6,} stored    "
                + "".join(
                    f"{cell.per_second:>20,.0f}{cell.server_us:>12,.0f}{cell.client_share:>12.0%}" for cell in cells
                )
            )


def print_aims(figures: Figures, names: Sequence[str], stored: int) -> None:
    print(f"\n{'':62}{'by rate':>9}{'by processor time':>20}")

    def say(what: str, one: Measured, other: Measured, most: float | None = None, least: float | None = None) -> None:
        """How many times faster `one` is than `other`."""
        ratio = one.per_second / other.per_second
        met = ratio <= most if most is not None else least is not None and ratio >= least
        aim = f"at most {most:g}" if most is not None else f"at least {least:g}"
        print(f"{what:62}{ratio:>9.2f}{other.server_us / one.server_us:>20.2f}   {aim}: {'met' if met else 'MISSED'}")

    if LOCALSTRIPE in names:
        mine, theirs = figures[DOUBLE, 0, POST], figures[LOCALSTRIPE, 0, POST]
        say("POST, empty: Stripe double to localstripe", mine, theirs, least=4)
    for operation in (POST, LIST, GET):
        full, empty = figures[DOUBLE, stored, operation], figures[DOUBLE, 0, operation]
        say(f"{operation}: Stripe double, {stored:,} stored to empty", full, empty, least=0.8)
    if STRIPE_MOCK in names:
        for before in (0, stored):
            for operation in (POST, LIST, GET):
                theirs, mine = figures[STRIPE_MOCK, before, operation], figures[DOUBLE, before, operation]
                say(f"{operation}, {before:,} stored: stripe-mock to Stripe double", theirs, mine, most=3)
    (name, _, operation), busiest = max(figures.items(), key=lambda item: item[1].client_share)
    held = "it held no server back" if busiest.client_share < 0.9 else "IT HELD THAT SERVER BACK"
    print(f"\nThe client was at most {busiest.client_share:.0%} busy ({name}, {operation}): {held}.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000, help="requests a measurement (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each with fresh servers (default: 3)")
    parser.add_argument("--stored", type=int, default=4_000, help="objects stored in the second half (default: 4000)")
    parser.add_argument("--connections", type=int, default=8, help="connections at once (default: 8)")
    beside = (LOCALSTRIPE, STRIPE_MOCK)
    parser.add_argument("--without", choices=beside, action="append", default=[], help="leave this one out")
    arguments = parser.parse_args()
    wanted = [DOUBLE, *(name for name in beside if name not in arguments.without)]
    names = [name for name in wanted if command_of(name, 0) is not None]
    for name in set(wanted) - set(names):
        print(f"{name} is not installed, and left out")
    rounds: Rounds = {}
    client = Client(arguments.connections)
    measure_empty(names, client, arguments.requests, arguments.rounds, rounds)
    measure_stored(names, client, arguments.requests, arguments.rounds, arguments.stored, rounds)
    client.close()
    figures = {key: median_of(measured) for key, measured in rounds.items()}
    print_table(figures, names, arguments.stored)
    print_aims(figures, names, arguments.stored)


if __name__ == "__main__":
    main()
