"""The Stripe double over HTTP: what is no request of Stripe's is refused as Stripe does, and breaks nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from conformance.servers.stripe_server import StripeServer
from tests.conformance.servers.stripe_double import double_at

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def double() -> Iterator[StripeServer]:
    with double_at() as server:
        yield server


@pytest.fixture
def client(double: StripeServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=double.url, headers={"authorization": "Bearer sk_test_gatefall"}) as client:
        yield client


def test_it_says_that_it_runs(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_forms_are_read_with_their_brackets(client: httpx.Client) -> None:
    content = (
        b"amount=500&currency=usd&payment_method_types[]=card&metadata[caf%C3%A9]=a%26b+c"
        b"&shipping[name]=Jenny&shipping[address][city]=K%C3%B6ln"
    )
    made = client.post("/v1/payment_intents", content=content, headers=FORM).json()
    assert (made["amount"], made["payment_method_types"]) == (500, ["card"])
    assert made["metadata"] == {"café": "a&b c"}
    assert made["shipping"]["address"]["city"] == "Köln"


def test_the_key_may_come_as_user_name(double: StripeServer) -> None:
    assert httpx.get(f"{double.url}/v1/customers", auth=("sk_test_gatefall", "")).status_code == 200
    assert httpx.get(f"{double.url}/v1/customers").status_code == 401


def test_headers_tell_the_request(client: httpx.Client) -> None:
    answer = client.post("/v1/customers", data={"name": "Jenny"}, headers={"idempotency-key": "k1"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["request-id"].startswith("req_")
    assert answer.headers["idempotency-key"] == "k1"


@pytest.mark.parametrize(
    ("content", "content_type", "status", "said"),
    [
        (b'{"amount": 500}', "application/json", 400, "application/x-www-form-urlencoded"),
        (b"amount=500", "text/plain", 400, "application/x-www-form-urlencoded"),
        (b"amount=500", "application/x-www-form-urlencoded; charset=utf-16", 400, "application/x-www-form-urlencoded"),
        (b"amount=%FF", FORM["content-type"], 400, "UTF-8"),
        (b"amount=\xff", FORM["content-type"], 400, "UTF-8"),
        (b"items[0][price=1", FORM["content-type"], 400, "brackets"),
        (b"a[b]=1&a=2", FORM["content-type"], 400, "both with and without"),
        (b"a" + b"[b]" * 50 + b"=1", FORM["content-type"], 400, "levels"),
        (b"&".join(b"a[]=1" for _ in range(3_000)), FORM["content-type"], 400, "more than 2000 parameters"),
        (b"name=" + b"x" * 1_100_000, FORM["content-type"], 413, "longer than 1,000,000 bytes"),
        (b"name=" + b"x" * 10_000_000, FORM["content-type"], 413, "longer than 1,000,000 bytes"),
    ],
)
def test_what_is_no_form_is_refused(
    client: httpx.Client, content: bytes, content_type: str, status: int, said: str
) -> None:
    answer = client.post("/v1/payment_intents", content=content, headers={"content-type": content_type})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert said in error["message"]


def test_a_body_of_unknown_length_is_bounded_too(client: httpx.Client) -> None:
    chunks = (b"name=" + b"x" * 100_000 for _ in range(20))
    assert client.post("/v1/customers", content=chunks, headers=FORM).status_code == 413


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/nonsense", "/v1/customers/a/b/c", "/v2/core", "/%00%ff"])
def test_an_unknown_url_is_a_404_in_stripes_form(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_browsers_of_other_origins_may_call(double: StripeServer) -> None:
    asking = {
        "origin": "https://shop.test",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,stripe-version",
    }
    allowed = httpx.options(f"{double.url}/v1/payment_intents/pi_1/confirm", headers=asking)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    answer = httpx.get(f"{double.url}/v1/customers", headers={"origin": "https://shop.test"})
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/customers HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nname=half",
        b"POST /v1/customers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nname=",
        b"GET /v1/cust",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_a_client_that_goes_away_breaks_nothing(double: StripeServer, client: httpx.Client, sent: bytes) -> None:
    parts = urlsplit(double.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(sent)
    assert client.get("/healthz").status_code == 200
    assert double.world.broken_count == 0


def test_ids_depend_on_the_seed_alone() -> None:
    from conformance.servers.stripe_server import StripeSettings

    def made(seed: str) -> str:
        with double_at(StripeSettings(seed=seed)) as server:
            answer = httpx.post(f"{server.url}/v1/customers", auth=("sk_test_gatefall", ""), data={"name": "Jenny"})
            return str(json.loads(answer.content)["id"])

    assert made("7") == made("7")
    assert made("7") != made("8")
