"""Whatever bytes arrive: a clear refusal in the service's own form, nothing changed, and the next request is served.

Every test compares all that the deployment and Stripe know before and after, and looks for errors in the log.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.over_http.wire import DEPTH_MAX, INTERNAL_HEADER
from conformance.servers import request_body, uvicorn_server
from conformance.servers.uvicorn_server import PortTaken
from sim.stripe.signature import sign
from tests.conformance.servers.live_deployment import LiveDeployment
from tests.conformance.servers.raw_http import Connection, Reply, asked, request

GATEWAY, API, WEBHOOKS, STRIPE = "gateway", "subscriptions-api", "billing-webhooks", "stripe"
BULK = "/api/v4/bulk/subscriptions"
LINE = {"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}
CART = {"subscriptions": [LINE], "user_is_on_session": True}
SECRET_KEY = "Bearer sk_test_gatefall"


class Place:
    """Somewhere to send a body to: the service, the path, and headers that let it in."""

    def __init__(self, service: str, method: str, path: str, **headers: str) -> None:
        self.service = service
        self.method = method
        self.path = path
        self.headers = headers

    def __repr__(self) -> str:
        return f"{self.service} {self.method} {self.path}"


class Deployed:
    """A live deployment with one customer, and all that can be read about it."""

    def __init__(self, live: LiveDeployment) -> None:
        self.live = live
        self.account = live.made(
            payment_method="valid",
            subscriptions=[{**LINE, "rate_plan": {"id": "zone_pro"}, "zone_id": "zone1"}],
            bad_debt=500,
        )
        self.subscription_id: str = self.account["subscriptions"][0]["id"]
        self.bearer = f"Bearer {self.account['token']}"

    def url(self, service: str) -> str:
        return self.live.service_url(service)

    def state(self) -> dict[str, Any]:
        """Everything that bad input might have changed."""
        token = self.account["token"]
        paths = ("subscriptions", "entitlements", "payment-methods", "billing/profile", "billing/history")
        known = {path: self.live.ask("GET", f"/api/v4/{path}", None, token).json() for path in paths}
        lists = ("customers", "payment_intents", "setup_intents", "charges", "refunds", "events")
        known |= {name: self.live.stripe("GET", f"/v1/{name}?limit=100") for name in lists}
        known["settings"] = self.live.ask("GET", "/__test__/config").json()
        return known

    def places(self) -> list[Place]:
        """Where bodies can be sent to, with the credentials that they need."""
        api = {INTERNAL_HEADER: "a-guess", "x-gatefall-account": self.account["account_id"]}
        return [
            Place(GATEWAY, "POST", BULK, authorization=self.bearer),
            Place(GATEWAY, "PUT", f"/api/v4/subscriptions/{self.subscription_id}", authorization=self.bearer),
            Place(GATEWAY, "PUT", "/api/v4/billing/profile", authorization=self.bearer),
            Place(GATEWAY, "POST", "/api/v4/payment-methods", authorization=self.bearer),
            Place(GATEWAY, "POST", "/__test__/clock"),
            Place(GATEWAY, "PUT", "/__test__/config"),
            Place(GATEWAY, "POST", "/__test__/accounts"),
            Place(WEBHOOKS, "POST", "/webhooks/stripe"),
            Place(API, "POST", "/bulk/subscriptions", **api),
        ]


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with LiveDeployment() as live:
        yield Deployed(live)


@pytest.fixture
def unharmed(deployed: Deployed, caplog: pytest.LogCaptureFixture) -> Iterator[Deployed]:
    """The deployment; afterwards nothing may have changed, every server must answer, and no error be in the log."""
    before = deployed.state()
    yield deployed
    assert deployed.state() == before
    for service in (GATEWAY, API, WEBHOOKS, STRIPE):
        assert deployed.live.ask("GET", "/healthz", service=service).status_code == 200
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert told == []
    assert not any(record.exc_info for record in caplog.records)


def refused(reply: Reply | None, service: str, *statuses: int) -> str:
    """The message of a refusal, in the service's own form."""
    assert reply is not None
    assert 400 <= reply.status < 500, reply.content
    assert not statuses or reply.status in statuses, reply
    assert reply.headers["content-type"].startswith("application/json")
    assert b"Traceback" not in reply.content
    if service == STRIPE:
        error = reply.body["error"]
        assert error["type"] == "invalid_request_error"
        return str(error["message"])
    assert reply.body["success"] is False
    assert reply.body["result"] is None
    [entry] = reply.body["errors"]
    assert isinstance(entry["code"], int)
    assert entry["message"]
    return str(entry["message"])


# --- bodies ------------------------------------------------------------------------------------------------------

GOOD = json.dumps(CART).encode()
NO_JSON: dict[str, bytes] = {
    "cut short": GOOD[:-5],
    "nothing": b"",
    "a space": b" ",
    "two values": GOOD + GOOD,
    "a comment": b"/* a cart */" + GOOD,
    "single quotes": GOOD.replace(b'"', b"'"),
    "a comma too many": GOOD.replace(b"}", b",}"),
    "not a number": b'{"subscriptions": NaN}',
    "infinity": b'{"subscriptions": -Infinity}',
    "a number beyond all": b'{"advance_seconds": 1e400, "phase": 1e400, "quantity": 1e400}',
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "cut within a character": '{"name": "ü'.encode()[:-1],
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "half a surrogate": b'{"name": "\\ud800"}',
    "a raw zero": b'{"name": "\x00"}',
    "a form": b"subscriptions[0][rate_plan][id]=r2&user_is_on_session=true",
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "compressed, and not said so": gzip.compress(GOOD),
    "lists without end": b"[" * 200_000,
    "objects without end": b'{"a":' * 100_000,
}
WRONG_SHAPES: dict[str, Any] = {
    "null": None,
    "a list": [CART],
    "a text": "subscriptions",
    "a number": 1,
    "true": True,
    "wrong types": {
        "subscriptions": {"0": LINE},
        "user_is_on_session": "yes",
        "rate_plan": "zone_business",
        "name": 1,
        "email": [],
        "payment_method_id": {"id": "pm_card_visa"},
        "payment_method": 1,
        "advance_seconds": "1",
        "phase": "two",
    },
    "numbers that are no whole numbers": {
        "subscriptions": [{**LINE, "quantity": 1.5}],
        "user_is_on_session": True,
        "rate_plan": {"id": 1},
        "name": 0.5,
        "payment_method_id": 0.1,
        "bad_debt": 99.5,
        "advance_seconds": 0.5,
        "phase": 2.5,
    },
    "numbers without bounds": {
        "subscriptions": [{**LINE, "quantity": 10**18}],
        "user_is_on_session": True,
        "rate_plan": {"id": 10**18},
        "name": 10**18,
        "payment_method_id": 10**18,
        "bad_debt": 10**18,
        "advance_seconds": 10**18,
        "phase": 10**18,
    },
    "texts without bounds": {
        "subscriptions": "a" * 500_000,
        "user_is_on_session": True,
        "rate_plan": {"id": "a" * 100_000},
        "name": "a" * 100_000,
        "payment_method_id": "a" * 100_000,
        "payment_method": "a" * 100_000,
        "advance_seconds": "a" * 100_000,
        "phase": "a" * 100_000,
    },
    "ten thousand lines": {
        "subscriptions": [LINE] * 10_000,
        "user_is_on_session": True,
        "rate_plan": [LINE] * 10_000,
        "name": [LINE] * 10_000,
        "payment_method_id": [LINE] * 1_000,
        "payment_method": [LINE] * 1_000,
        "advance_seconds": [LINE] * 1_000,
        "phase": [LINE] * 1_000,
    },
}


@pytest.mark.parametrize("kind", NO_JSON)
def test_what_is_no_json_is_refused_everywhere(unharmed: Deployed, kind: str) -> None:
    for place in unharmed.places():
        reply = asked(
            unharmed.url(place.service),
            request(place.method, place.path, NO_JSON[kind], content_type="application/json", **place.headers),
        )
        message = refused(reply, place.service, 401 if place.service == API else 400)
        assert len(message) < 500, place


@pytest.mark.parametrize("kind", WRONG_SHAPES)
def test_what_does_not_fit_is_refused_everywhere(unharmed: Deployed, kind: str) -> None:
    body = json.dumps(WRONG_SHAPES[kind]).encode()
    for place in unharmed.places():
        reply = asked(unharmed.url(place.service), request(place.method, place.path, body, **place.headers))
        message = refused(reply, place.service, 400, 401, 413)
        assert len(message) < 500, place


@pytest.mark.parametrize("body", [*NO_JSON.values(), b"[]", b"null", b'{"id": 1, "type": 2, "data": {"object": []}}'])
def test_a_well_signed_body_that_is_no_event_is_refused(unharmed: Deployed, body: bytes) -> None:
    signature = sign(body, unharmed.live.deployment.settings.webhook_secret, int(time.time()))
    sent = request("POST", "/webhooks/stripe", body, stripe_signature=signature)
    refused(asked(unharmed.url(WEBHOOKS), sent), WEBHOOKS, 400)


def nested(levels: int) -> bytes:
    inner = b'{"a":' * levels + b"1" + b"}" * levels
    return b'{"name": 1, "subscriptions": 1, "advance_seconds": "", "phase": "", "payment_method": 1, "x": %b}' % inner


@pytest.mark.parametrize("levels", [DEPTH_MAX, 300, 900])
def test_what_nests_too_deeply_is_refused_before_anybody_has_to_write_it_again(unharmed: Deployed, levels: int) -> None:
    for place in unharmed.places():
        reply = asked(unharmed.url(place.service), request(place.method, place.path, nested(levels), **place.headers))
        message = refused(reply, place.service, 400, 401)
        assert place.service != GATEWAY or "nested deeper than 100 levels" in message


def test_what_nests_within_bounds_is_ignored_where_nobody_wants_it(deployed: Deployed) -> None:
    body = {"name": "example.org", "more": json.loads(b"[" * (DEPTH_MAX - 2) + b"]" * (DEPTH_MAX - 2))}
    assert deployed.live.ask("POST", "/api/v4/zones", body, deployed.account["token"]).status_code == 200


def test_of_members_given_twice_the_last_counts(deployed: Deployed) -> None:
    body = b'{"name": "first.example", "name": "last.example"}'
    sent = request("POST", "/api/v4/zones", body, authorization=deployed.bearer)
    reply = asked(deployed.url(GATEWAY), sent)
    assert reply is not None
    assert reply.body["result"]["name"] == "last.example"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x" * 1_000])
def test_an_encoded_body_is_refused_by_the_name_of_its_encoding(unharmed: Deployed, encoding: str) -> None:
    body = gzip.compress(GOOD) if "gzip" in encoding else zlib.compress(GOOD)
    for place in [*unharmed.places(), Place(STRIPE, "POST", "/v1/customers", authorization=SECRET_KEY)]:
        sent = request(place.method, place.path, body, content_encoding=encoding, **place.headers)
        assert encoding[:40] in refused(asked(unharmed.url(place.service), sent), place.service, 415)


def test_a_small_body_that_would_unfold_to_a_large_one_is_not_unfolded(unharmed: Deployed) -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    sent = request("POST", BULK, bomb, content_encoding="gzip", authorization=unharmed.bearer)
    refused(asked(unharmed.url(GATEWAY), sent), GATEWAY, 415)


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "/" * 99],
)
def test_json_is_read_as_json_whatever_it_is_called(deployed: Deployed, content_type: str) -> None:
    sent = request(
        "POST", "/api/v4/zones", b'{"name": "called.example"}', authorization=deployed.bearer, content_type=content_type
    )
    reply = asked(deployed.url(GATEWAY), sent)
    assert reply is not None
    assert reply.status == 200


STRIPE_BODIES: dict[str, tuple[bytes, str]] = {
    "JSON": (b'{"amount": 500}', "application/json"),
    "not UTF-8": (b"name=%ff%fe", "application/x-www-form-urlencoded"),
    "no form": (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
    "brackets that do not match": (b"metadata[a=1&metadata]b[=2", "application/x-www-form-urlencoded"),
    "brackets without end": (b"metadata" + b"[a]" * 5_000 + b"=1", "application/x-www-form-urlencoded"),
    "a name twice over": (b"metadata=1&metadata[a]=2", "application/x-www-form-urlencoded"),
    "ten thousand parameters": (b"&".join(b"a%d=1" % n for n in range(10_000)), "application/x-www-form-urlencoded"),
    "something else": (b"--b\r\n\r\n--b--", "multipart/form-data; boundary=b"),
    "UTF-16": ("name=a".encode("utf-16"), "application/x-www-form-urlencoded; charset=utf-16"),
}


@pytest.mark.parametrize("kind", STRIPE_BODIES)
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/payment_intents", "/v1/setup_intents", "/v1/refunds"])
def test_stripe_refuses_what_is_no_form(unharmed: Deployed, kind: str, path: str) -> None:
    body, content_type = STRIPE_BODIES[kind]
    sent = request("POST", path, body, content_type=content_type, authorization=SECRET_KEY)
    refused(asked(unharmed.url(STRIPE), sent), STRIPE, 400)


# --- sizes -------------------------------------------------------------------------------------------------------


def chunked(body: bytes, size: int = 65_536) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        part = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


@pytest.mark.parametrize("service", [GATEWAY, WEBHOOKS, API, STRIPE])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_ten_megabytes_are_too_much(unharmed: Deployed, service: str, announced: bool) -> None:
    body = b" " * 10_000_000
    path = {GATEWAY: BULK, WEBHOOKS: "/webhooks/stripe", API: "/subscriptions", STRIPE: "/v1/customers"}[service]
    credential = SECRET_KEY if service == STRIPE else unharmed.bearer
    if announced:
        parts = [request("POST", path, body, authorization=credential, connection="keep-alive")]
    else:
        head = request("POST", path, transfer_encoding="chunked", authorization=credential, connection="keep-alive")
        parts = [head, *chunked(body)]
    with Connection(unharmed.url(service)) as connection:
        connection.send(*parts)
        assert "1,000,000 bytes" in refused(connection.reply(), service, 413)
        connection.send(request("GET", "/healthz"))  # it was read to its end: the connection is as good as before
        reply = connection.reply()
    assert reply is not None
    assert reply.status == 200


def test_who_waits_for_leave_to_send_too_much_is_refused_at_once(unharmed: Deployed) -> None:
    head = request("POST", BULK, content_length="10000000", expect="100-continue", authorization=unharmed.bearer)
    refused(asked(unharmed.url(GATEWAY), head), GATEWAY, 413)


def test_a_body_without_end_is_given_up(unharmed: Deployed) -> None:
    head = request("POST", BULK, transfer_encoding="chunked", connection="keep-alive")
    with Connection(unharmed.url(GATEWAY)) as connection:
        connection.send(head)
        part = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        connection.send(*[part] * (2 * request_body.SWALLOWED_MAX_BYTES // 65_536))
        assert connection.ended() or connection.reply() is not None


@pytest.mark.parametrize(
    "head",
    [
        request("GET", "/api/v4/subscriptions", **{f"h{n}": "v" * 20 for n in range(10_000)}),
        request("GET", "/api/v4/subscriptions", x_client="v" * 1_000_000),
        request("GET", "/" + "a" * 1_000_000),
        request("GET", "/api/v4/subscriptions?" + "a=1&" * 300_000),
        request("GET", "/api/v4/subscriptions", cookie="; ".join(f"a{n}=b" for n in range(20_000))),
    ],
    ids=["headers", "one header", "path", "query", "cookie"],
)
@pytest.mark.parametrize("service", [GATEWAY, WEBHOOKS, API, STRIPE])
def test_a_head_without_bounds_is_refused(unharmed: Deployed, service: str, head: bytes) -> None:
    refused(asked(unharmed.url(service), head), service, 431)
    pieces = [head[start : start + 10_000] for start in range(0, len(head), 10_000)]
    refused(asked(unharmed.url(service), *pieces), service, 431)


def test_a_query_has_a_largest_number_of_parameters(unharmed: Deployed) -> None:
    target = "/api/v4/billing/history?" + "&".join(f"a{n}=1" for n in range(101))
    sent = request("GET", target, authorization=unharmed.bearer)
    assert "at most 100 parameters" in refused(asked(unharmed.url(GATEWAY), sent), GATEWAY, 400)


# --- paths, headers, methods -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/api/v4/zones/%zz",
        "/api/v4/zones/%ff%fe",
        "/api/v4/zones/%00",
        "/api/v4/zones/%0d%0aset-cookie:%20a=b",
        "/api/v4/zones/..%2f..%2fentitlements",
        "/api/v4/zones/../entitlements",
        "/api/v4/zones/%2e%2e",
        "/api/v4/zones/" + "%f0%9f%92%b3" * 500,
        "/api/v4/zones/zone1%20",
        "/api/v4//subscriptions",
        "/api/v4/accounts//subscriptions",
        "/api/v4/accounts/acct00000001/accounts/acct00000001/subscriptions",
        "/api/v4/billing/invoices/%2fpdf",
        "//api/v4/subscriptions",
        "/__test__/",
        "/__test__/accounts/%00",
        "http://example.com",
        "*",
        "",
    ],
)
@pytest.mark.parametrize("service", [GATEWAY, WEBHOOKS])
def test_paths_that_mean_nothing_are_refused(unharmed: Deployed, service: str, target: str) -> None:
    reply = asked(unharmed.url(service), request("GET", target, authorization=unharmed.bearer))
    refused(reply, service, 400, 403, 404, 405)
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("query", ["page=%ff", "page=%zz", "page=1&page=two", "page", "from=%00", "to=" + "9" * 5_000])
def test_queries_that_mean_nothing_are_refused(unharmed: Deployed, query: str) -> None:
    sent = request("GET", f"/api/v4/billing/history?{query}", authorization=unharmed.bearer)
    refused(asked(unharmed.url(GATEWAY), sent), GATEWAY, 400)


@pytest.mark.parametrize(
    "credential",
    ["Bearer", "Bearer ", "Bearer \xff\xfe", "bearer\ttok", "Basic Og==", "Bearer " + "a" * 50_000, "\x7f", "Bearer ü"],
)
@pytest.mark.parametrize("path", ["/api/v4/subscriptions", "/api/v3/accounts/acct00000001/state"])
def test_odd_credentials_are_refused(unharmed: Deployed, credential: str, path: str) -> None:
    refused(asked(unharmed.url(GATEWAY), request("GET", path, authorization=credential)), GATEWAY, 400, 401)


def part(value: bytes) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "..",
        "a" * 50_000,
        f"{part(b'null')}.{part(b'{}')}.a",
        f"{part(b'[' * 20_000)}.{part(b'{}')}.a",
        f"{part(b'[1' + b'0' * 20_000 + b']')}.{part(b'{}')}.a",
        f"{part(json.dumps({'alg': 'none'}).encode())}.{part(b'{}')}.",
        f"{part(json.dumps({'alg': ['HS256']}).encode())}.{part(b'{}')}.a",
        f"{part(json.dumps({'alg': 'HS256', 'crit': ['exp']}).encode())}.{part(b'{}')}.a",
        f"{part(json.dumps({'alg': 'HS256', 'b64': False}).encode())}.{part(b'{}')}.a",
        f"{part(json.dumps({'alg': 'RS256', 'kid': 7}).encode())}.{part(b'{}')}.a",
        f"{part(bytes([0xFF]))}.{part(b'{}')}.a",
    ],
)
def test_forged_administrators_are_refused(unharmed: Deployed, token: str) -> None:
    path = f"/api/v3/accounts/{unharmed.account['account_id']}/lock"
    refused(asked(unharmed.url(GATEWAY), request("POST", path, authorization=f"ADMIN-JWT {token}")), GATEWAY, 401)


@pytest.mark.parametrize("name", ["iapi/stream\xff", "ü" * 100, "%0d%0a", "a\tb", "a" * 10_000, ""])
def test_a_caller_may_call_itself_what_it_likes(unharmed: Deployed, name: str) -> None:
    sent = request("GET", "/api/v4/subscriptions", authorization=unharmed.bearer, x_client=name)
    reply = asked(unharmed.url(GATEWAY), sent)
    assert reply is not None
    assert reply.status == 200


@pytest.mark.parametrize("key", ["\xff\xfe", "a" * 10_000, "%00", "a b\tc", "🂡".encode().decode("latin-1")])
def test_any_key_makes_a_repeat_a_repeat(deployed: Deployed, key: str) -> None:
    account = deployed.live.made()
    headers = {"authorization": f"Bearer {account['token']}", "idempotency_key": key}
    first, second = (asked(deployed.url(GATEWAY), request("POST", BULK, GOOD, **headers)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.status, first.body) == (200, second.body)
    assert len(deployed.live.ask("GET", "/api/v4/subscriptions", None, account["token"]).json()["result"]) == 1


def test_an_empty_key_is_none(deployed: Deployed) -> None:
    account = deployed.live.made()
    headers = {"authorization": f"Bearer {account['token']}", "idempotency_key": ""}
    other = json.dumps({**CART, "subscriptions": [{**LINE, "rate_plan": {"id": "images"}}]}).encode()
    for body in (GOOD, other):
        reply = asked(deployed.url(GATEWAY), request("POST", BULK, body, **headers))
        assert reply is not None
        assert reply.status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "QUERY"])
def test_other_methods_are_refused_and_told_which_there_are(unharmed: Deployed, method: str) -> None:
    with Connection(unharmed.url(GATEWAY)) as connection:
        connection.send(request(method, "/api/v4/entitlements", authorization=unharmed.bearer))
        if method == "HEAD":
            connection.stop_sending()
        reply = connection.reply()
    assert reply is not None
    assert (reply.status, reply.headers.get("allow")) in ((405, "GET"), (400, None))


@pytest.mark.parametrize(
    "sent",
    [
        b"BREW /pot HTTP/1.1\r\n\r\n",
        b"get /api/v4/subscriptions HTTP/1.1\r\n\r\n",
        b"GET /api/v4/subscriptions HTTP/3.7\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"\x00" * 1_000,
        b"\xff" * 1_000,
        b"GET /api/v4/subscriptions HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /api/v4/subscriptions HTTP/1.1\r\nhost: a\r\n folded\r\nx\x00y: 1\r\n\r\n",
        b"POST /api/v4/zones HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/v4/zones HTTP/1.1\r\ncontent-length: 1e3\r\n\r\n",
        b"POST /api/v4/zones HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"POST /api/v4/zones HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"POST /api/v4/zones HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"POST /api/v4/zones HTTP/1.1\r\ntransfer-encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /api/v4/zones HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"POST /api/v4/zones HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("service", [GATEWAY, WEBHOOKS, API, STRIPE])
def test_what_is_no_http_is_refused_in_the_services_form(unharmed: Deployed, service: str, sent: bytes) -> None:
    with Connection(unharmed.url(service)) as connection:
        connection.send(sent)
        assert "no valid HTTP" in refused(connection.reply(), service, 400)
        assert connection.ended()


def test_a_tunnel_is_refused(unharmed: Deployed) -> None:
    reply = asked(unharmed.url(GATEWAY), request("CONNECT", "example.com:443"))
    refused(reply, GATEWAY, 400, 404)


@pytest.mark.parametrize("service", [GATEWAY, WEBHOOKS, API, STRIPE])
def test_a_websocket_is_refused(unharmed: Deployed, service: str) -> None:
    sent = request(
        "GET",
        "/api/v4/subscriptions",
        connection="Upgrade",
        upgrade="websocket",
        sec_websocket_version="13",
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
    )
    refused(asked(unharmed.url(service), sent), service, 401, 404)


def test_http_1_0_is_served(unharmed: Deployed) -> None:
    with Connection(unharmed.url(GATEWAY)) as connection:
        connection.send(f"GET /api/v4/entitlements HTTP/1.0\r\nauthorization: {unharmed.bearer}\r\n\r\n".encode())
        reply = connection.reply()
        assert reply is not None
        assert reply.status == 200
        assert connection.ended()


def test_pipelined_requests_are_answered_in_their_order(unharmed: Deployed) -> None:
    paths = ("/api/v4/entitlements", "/nowhere", "/api/v4/billing/profile", "/api/v4/subscriptions")
    sent = b"".join(request("GET", path, authorization=unharmed.bearer, connection="keep-alive") for path in paths)
    with Connection(unharmed.url(GATEWAY)) as connection:
        connection.send(sent)
        replies = [connection.reply() for _ in paths]
    assert [reply.status for reply in replies if reply is not None] == [200, 404, 200, 200]
    assert [type(reply.body["result"]) for reply in replies if reply is not None] == [list, type(None), dict, list]


def test_what_follows_a_request_and_is_none_does_not_cost_its_answer(unharmed: Deployed) -> None:
    good = request("GET", "/api/v4/entitlements", authorization=unharmed.bearer, connection="keep-alive")
    with Connection(unharmed.url(GATEWAY)) as connection:
        connection.send(good + b"\x00\x01\x02 no request\r\n\r\n")
        reply = connection.reply()
        assert reply is not None
        assert reply.status == 200
        assert connection.ended()


# --- slow and dropped connections ------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [GATEWAY, WEBHOOKS, API, STRIPE])
def test_a_client_that_stops_within_its_body_changes_nothing(unharmed: Deployed, service: str) -> None:
    path = "/v1/customers" if service == STRIPE else BULK
    credential = SECRET_KEY if service == STRIPE else unharmed.bearer
    head = request("POST", path, authorization=credential, content_length=str(len(GOOD)))
    for half in (GOOD[:20], b""):
        with Connection(unharmed.url(service)) as connection:
            connection.send(head, half)
    with Connection(unharmed.url(service)) as connection:
        connection.send(head, GOOD[:20])
        connection.stop_sending()
        assert connection.ended()


def test_a_body_that_does_not_arrive_is_given_up(unharmed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_TIMEOUT_S", 0.2)
    head = request("POST", BULK, authorization=unharmed.bearer, content_length="100", connection="keep-alive")
    with Connection(unharmed.url(GATEWAY)) as connection:
        connection.send(head, b"{")
        assert "did not arrive" in refused(connection.reply(), GATEWAY, 408)
        assert connection.ended()


def test_a_head_that_does_not_arrive_is_given_up(unharmed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_server, "HEAD_TIMEOUT_S", 0.2)
    with Connection(unharmed.url(GATEWAY)) as silent, Connection(unharmed.url(STRIPE)) as slow:
        slow.send(b"POST /v1/customers HTTP/1.1\r\nhost:")
        assert "did not arrive" in refused(slow.reply(), STRIPE, 408)
        assert silent.ended()


def test_a_slow_request_is_served_if_it_comes_in_time(unharmed: Deployed) -> None:
    sent = request("GET", "/api/v4/entitlements", authorization=unharmed.bearer)
    reply = asked(unharmed.url(GATEWAY), *(sent[place : place + 1] for place in range(len(sent))))
    assert reply is not None
    assert reply.status == 200


def test_who_sends_no_more_still_gets_an_answer(deployed: Deployed) -> None:
    with Connection(deployed.url(GATEWAY)) as connection:
        body = b'{"name": "half-closed.example"}'
        connection.send(request("POST", "/api/v4/zones", body, authorization=deployed.bearer))
        connection.stop_sending()
        reply = connection.reply()
    assert reply is not None
    assert reply.body["result"]["name"] == "half-closed.example"


def test_who_leaves_before_the_answer_finds_the_purchase_made_once(deployed: Deployed) -> None:
    account = deployed.live.made(payment_method="valid")
    headers = {"authorization": f"Bearer {account['token']}", "idempotency_key": "left-early"}
    with Connection(deployed.url(GATEWAY)) as connection:
        connection.send(request("POST", BULK, GOOD, **headers))
    reply = asked(deployed.url(GATEWAY), request("POST", BULK, GOOD, **headers))
    assert reply is not None
    assert reply.status == 200
    intents = deployed.live.stripe("GET", f"/v1/payment_intents?customer={account['stripe_customer']}")
    assert [intent["amount"] for intent in intents["data"]] == [500]


def test_two_hundred_connections_that_say_nothing_keep_nobody_out(unharmed: Deployed) -> None:
    silent = [Connection(unharmed.url(GATEWAY)) for _ in range(200)]
    try:
        assert unharmed.live.ask("GET", "/healthz").status_code == 200
    finally:
        for connection in silent:
            connection.__exit__()


# --- strangers, and ports ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, "", "a-guess", "ü"])
def test_subscriptions_api_answers_no_stranger(unharmed: Deployed, secret: str | None) -> None:
    headers = {
        "x-gatefall-account": unharmed.account["account_id"],
        "x-gatefall-operation": "bulk_create",
        "x-gatefall-identifier": "",
        "authorization": unharmed.bearer,
    }
    if secret is not None:
        headers[INTERNAL_HEADER] = secret
    reply = asked(unharmed.url(API), request("POST", "/bulk/subscriptions", GOOD, **headers))
    assert "the gateway alone" in refused(reply, API, 401)


def test_a_port_that_is_taken_is_named(unharmed: Deployed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}.*another port"), LiveDeployment(port=port):
            pass
