"""The gateway: paths, credentials, administrators, and the rate limit."""

from __future__ import annotations

import base64

import jwt
import pytest

from sim.messages import Request
from sim.time import EPOCH_S

STATE = "/api/v3/accounts/{}/state"


def admin(backend, account_id, operation, method="POST", **claims):
    claims = {"sub": "ada", "exp": EPOCH_S + 10**7, "scope": "billing:admin", **claims}
    secret = claims.pop("secret", backend.config.admin_jwt_secret)
    token = jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, "HS256")
    path = f"/api/v3/accounts/{account_id}/{operation}"
    return backend.call("gateway", Request(method, path, None, {"authorization": f"ADMIN-JWT {token}"}))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v4/nothing", (404, 7003)),
        ("GET", "/api/v4", (404, 7003)),
        ("GET", "/api/v5/subscriptions", (404, 7003)),
        ("GET", "/internal/rollback", (404, 7003)),
        ("POST", "/api/v4/internal/rollback", (404, 7003)),
        ("GET", "/api/v4/admin/state", (404, 7003)),
        ("GET", "/api/v4/zones/a/b", (404, 7003)),
        ("PATCH", "/api/v4/subscriptions", (405, 7001)),
        ("GET", "/api/v4/bulk/subscriptions", (405, 7001)),
        ("DELETE", "/api/v3/accounts/acct00000001/lock", (405, 7001)),
        ("GET", "/api/v4/subscriptions", (401, 10000)),
    ],
)
def test_what_is_refused_before_anybody_is_known(backend, refusal_of, method, path, expected):
    answer = backend.call("gateway", Request(method, path, {}))
    assert refusal_of(answer) == expected
    assert answer.body["success"] is False
    assert answer.body["result"] is None


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Bearer nobody", "Basic x"])
def test_an_unknown_credential_is_401(backend, refusal_of, authorization):
    request = Request("GET", "/api/v4/subscriptions", None, {"authorization": authorization})
    assert refusal_of(backend.call("gateway", request)) == (401, 10000)


def test_the_account_may_be_named_and_must_be_ones_own(backend, refusal_of):
    shopper, other = backend.shopper(), backend.shopper("valid")
    assert shopper.ask("GET", f"/accounts/{shopper.account_id}/subscriptions").status == 200
    assert refusal_of(shopper.ask("GET", f"/accounts/{other.account_id}/subscriptions")) == (403, 10000)
    body = shopper.cart("workers_paid")
    assert refusal_of(shopper.ask("POST", f"/accounts/{other.account_id}/bulk/subscriptions", body)) == (403, 10000)
    assert other.states() == {}


def test_a_refusal_says_in_its_headers_what_is_possible(backend):
    shopper = backend.shopper()
    assert shopper.ask("PATCH", "/subscriptions").headers == {"allow": "POST, GET"}
    for path, scheme in (("/api/v4/subscriptions", "Bearer"), (STATE.format(shopper.account_id), "ADMIN-JWT")):
        assert backend.call("gateway", Request("GET", path)).headers == {"www-authenticate": scheme}
    assert backend.call("test-support", Request("PUT", "/__test__/clock")).headers == {"allow": "POST"}
    assert backend.call("billing-webhooks", Request("GET", "/webhooks/stripe")).headers == {"allow": "POST"}


def test_a_token_that_nests_without_end_is_refused(backend, refusal_of):
    header = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    headers = {"authorization": f"ADMIN-JWT {header}.e30.a"}
    request = Request("GET", STATE.format(backend.shopper().account_id), None, headers)
    assert refusal_of(backend.call("gateway", request)) == (401, 10000)


def test_too_many_requests_are_told_when_to_come_back(make_backend, refusal_of):
    backend = make_backend(rate_limit=5)
    shopper, other = backend.shopper(), backend.shopper()
    for _ in range(5):
        assert shopper.ask("GET", "/entitlements").status == 200
    answer = shopper.ask("GET", "/entitlements")
    assert refusal_of(answer) == (429, 971)
    assert answer.headers["retry-after"] == "300"
    assert other.ask("GET", "/entitlements").status == 200
    backend.wait(100)
    assert shopper.ask("GET", "/entitlements").headers["retry-after"] == "200"
    backend.wait(200)
    assert shopper.ask("GET", "/entitlements").status == 200


def test_the_window_starts_anew_after_five_minutes(make_backend):
    backend = make_backend(rate_limit=5)
    shopper = backend.shopper()
    for _ in range(3):
        for _ in range(5):
            assert shopper.ask("GET", "/entitlements").status == 200
        backend.wait(300)


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"exp": EPOCH_S - 1}, 401),
        ({"exp": None}, 401),
        ({"exp": "never"}, 401),
        ({"sub": None}, 401),
        ({"secret": "another-secret-that-is-long-enough-for-hs256"}, 401),
        ({"scope": "billing:read"}, 403),
        ({"scope": None}, 403),
    ],
)
def test_an_administrator_without_a_good_token_changes_nothing(backend, refusal_of, claims, status):
    shopper = backend.shopper()
    assert refusal_of(admin(backend, shopper.account_id, "lock", **claims)) == (status, 10000)
    assert shopper.account.locked is False


def test_a_customers_credential_is_no_administrators(backend, refusal_of):
    shopper = backend.shopper()
    headers = {"authorization": f"Bearer {shopper.token}"}
    answer = backend.call("gateway", Request("GET", STATE.format(shopper.account_id), None, headers))
    assert refusal_of(answer) == (401, 10000)


def test_a_token_signed_without_a_key_is_refused(backend, refusal_of):
    shopper = backend.shopper()
    token = jwt.encode({"sub": "a", "exp": EPOCH_S + 10**7, "scope": "billing:admin"}, None, algorithm="none")
    headers = {"authorization": f"ADMIN-JWT {token}"}
    answer = backend.call("gateway", Request("GET", STATE.format(shopper.account_id), None, headers))
    assert refusal_of(answer) == (401, 10000)


def test_a_token_ages_with_the_clock(backend, refusal_of):
    shopper = backend.shopper()
    assert admin(backend, shopper.account_id, "state", "GET", exp=EPOCH_S + 60).status == 200
    backend.wait(60)
    assert refusal_of(admin(backend, shopper.account_id, "state", "GET", exp=EPOCH_S + 60)) == (401, 10000)


def test_an_unknown_account_is_404_for_administrators(backend, refusal_of):
    assert refusal_of(admin(backend, "acct99999999", "state", "GET")) == (404, 7003)


def test_lock_unlock_and_unban(backend, refusal_of):
    shopper = backend.shopper("valid", banned=True)
    assert admin(backend, shopper.account_id, "lock").body["result"]["locked"] is True
    assert refusal_of(shopper.buy("workers_paid")) == (403, 1213)
    assert admin(backend, shopper.account_id, "unban").body["result"]["banned"] is False
    assert refusal_of(shopper.buy("workers_paid")) == (403, 1212)
    assert shopper.get("/subscriptions") == []
    admin(backend, shopper.account_id, "unlock")
    assert shopper.buy("workers_paid").status == 200


@pytest.mark.parametrize("operation", ["sync-entitlements", "recompute"])
def test_what_is_paid_and_lost_is_granted_and_nothing_else(backend, operation):
    shopper = backend.shopper()
    backend.deliveries.held = True
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    shopper.buy("images")
    assert admin(backend, shopper.account_id, operation).body["result"]["entitlements"] == []
    shopper.confirm(secret)
    state = admin(backend, shopper.account_id, operation).body["result"]
    assert [row["feature"] for row in state["entitlements"]] == ["workers_paid"]
    assert [item["state"] for item in state["subscriptions"]] == ["Provisioned", "AwaitingPayment"]
    facts = len(shopper.all_facts())
    assert admin(backend, shopper.account_id, operation).body["result"] == state
    assert [fact for fact in shopper.all_facts()[facts:] if fact.actor == "subscriptions-api"] == []
    backend.deliver(shopper.events("payment_intent.succeeded")[0])
    assert shopper.active() == ["workers_paid"]
    assert len(shopper.get("/billing/history")) == 1


def test_sync_takes_away_what_a_failed_rollback_left(make_backend):
    backend = make_backend(2, "legacy")
    shopper = backend.shopper("declining")
    backend.fault("error", "subscriptions-api", "rollback")
    shopper.buy("workers_paid")
    assert shopper.active() == ["workers_paid"]
    backend.no_fault()
    admin(backend, shopper.account_id, "sync-entitlements")
    assert shopper.active() == []
    assert list(shopper.states().values()) == ["AwaitingPayment"]


def test_recompute_takes_payment_methods_from_stripe(backend):
    shopper = backend.shopper("valid")
    backend.deliveries.held = True
    backend.merchant("POST", f"/v1/payment_methods/{next(iter(shopper.account.payment_methods))}/detach", {})
    backend.merchant("POST", "/v1/payment_methods/pm_card_mastercard/attach", {"customer": shopper.customer})
    admin(backend, shopper.account_id, "recompute")
    methods = {item.brand: item for item in shopper.account.payment_methods.values()}
    assert methods["visa"].detached
    assert methods["mastercard"].is_default


def test_state_shows_what_is_owed(backend):
    shopper = backend.shopper(bad_debt=900)
    assert admin(backend, shopper.account_id, "state", "GET").body["result"] == {
        "account_id": shopper.account_id,
        "locked": False,
        "banned": False,
        "subscriptions": [],
        "entitlements": [],
        "outstanding": 900,
    }


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v4/subscriptions"), ("POST", "/api/v4/bulk/subscriptions")])
def test_nothing_passes_the_gateway_by(backend, refusal_of, method, path):
    shopper = backend.shopper()
    headers = {"authorization": f"Bearer {shopper.token}", "x-account-id": shopper.account_id}
    request = Request(method, path, shopper.cart("workers_paid"), headers, operation="list_subscriptions")
    assert refusal_of(backend.call("subscriptions-api", request)) == (401, 10000)
