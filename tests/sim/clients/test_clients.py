from types import SimpleNamespace
from typing import Any

import pytest

from sim.clients import ApiError, FetchClient, GatewayClient, ServiceClient, StripeClient, ThunkClient
from sim.clients.reply import Reply
from sim.effects import Call, Program, Wait
from sim.messages import UNKNOWN, Answer


class Session:
    """What clients need of a session, with the facts as plain tuples."""

    def __init__(self) -> None:
        self.authorization = "Bearer t"
        self.publishable_key = "pk_test_x"
        self.account_id = "acct1"
        self.attempt_id = "a1"
        self.inspector = None
        self.watchful = False
        self.population = SimpleNamespace(
            query_retries=3,
            query_retry_first_wait_us=1_000_000,
            figures={"service_retries": 2.0},
            duration_us=lambda name: 500_000,
        )
        self.facts: list[dict[str, Any]] = []
        self.requests = 0
        self.seen: set[tuple[str, str]] = set()

    def next_request_id(self) -> str:
        self.requests += 1
        return f"r{self.requests}"

    def shows_new_state(self, subscription_id: str, status: str) -> bool:
        new = (subscription_id, status) not in self.seen
        self.seen.add((subscription_id, status))
        return new

    def note(self, kind: str, subject: str, *columns: Any, **named: Any) -> None:
        names = ("related", "operation", "state", "status", "code", "amount_minor", "detail")
        self.facts.append({"kind": kind, "subject": subject} | dict(zip(names, columns, strict=False)) | named)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [fact for fact in self.facts if fact["kind"] == kind]


def ok(result: Any, **more: Any) -> Answer:
    return Answer(200, {"success": True, "errors": [], "messages": [], "result": result} | more)


def refused(status: int, code: int, message: str = "") -> Answer:
    return Answer(status, {"success": False, "errors": [{"code": code, "message": message}], "result": None})


def run(program: Program[Any], *answers: Answer) -> tuple[Any, list[Any]]:
    """Run a client's program on these answers: its result or the ApiError it raised, and the effects it yielded."""
    left = list(answers)
    effects: list[Any] = []
    value: Any = None
    try:
        while True:
            effect = program.send(value)
            effects.append(effect)
            value = left.pop(0) if isinstance(effect, Call) else None
    except StopIteration as stop:
        return stop.value, effects
    except ApiError as error:
        return error, effects


def client(kind: type[Any]) -> tuple[Any, Session]:
    session = Session()
    return kind(session, "unified-checkout"), session


# The fetch client -----------------------------------------------------------------------------------------------------


def test_fetch_unwraps_the_result() -> None:
    fetch, session = client(FetchClient)
    result, effects = run(fetch.call("bulk_create", "POST", "/p", {"a": 1}, "k1"), ok({"subscriptions": []}))
    assert result == {"subscriptions": []}
    request = effects[0].request
    assert (request.method, request.path, request.body) == ("POST", "/p", {"a": 1})
    assert request.headers == {"authorization": "Bearer t", "x-client": "unified-checkout", "idempotency-key": "k1"}
    assert session.of("request")[0]["detail"]["idempotency_key"] == "k1"


def test_fetch_throws_a_typed_error() -> None:
    fetch, session = client(FetchClient)
    error, effects = run(fetch.call("bulk_create", "POST", "/p"), refused(402, 1210, "no payment method"))
    assert isinstance(error, ApiError)
    assert (error.status, error.code, error.errors) == (402, 1210, ((1210, "no payment method"),))
    assert str(error) == "HTTP 402: 1210 no payment method"
    assert len(effects) == 1
    answer = session.of("answer")[0]
    assert (answer["state"], answer["status"], answer["code"]) == ("refused", 402, 1210)


def test_no_answer_is_unknown() -> None:
    fetch, session = client(FetchClient)
    error, _ = run(fetch.call("bulk_create", "POST", "/p"), UNKNOWN)
    assert isinstance(error, ApiError)
    assert error.status == 0
    assert str(error) == "no answer in time"
    assert (session.of("answer")[0]["state"], session.of("answer")[0]["status"]) == ("unknown", None)


@pytest.mark.parametrize("status", [402, 404, 500])
def test_queries_are_repeated_whatever_the_status(status: int) -> None:
    fetch, _ = client(FetchClient)
    error, effects = run(fetch.query("entitlements", "/e"), *[refused(status, 1)] * 4)
    assert isinstance(error, ApiError)
    waits = [effect.delay_us for effect in effects if isinstance(effect, Wait)]
    assert waits == [1_000_000, 2_000_000, 4_000_000]


def test_query_stops_at_the_first_answer() -> None:
    fetch, _ = client(FetchClient)
    result, effects = run(fetch.query("entitlements", "/e"), UNKNOWN, ok([]))
    assert result == []
    assert len(effects) == 3


# The thunk client -----------------------------------------------------------------------------------------------------


def test_thunk_dispatches_request_then_success() -> None:
    thunk, _ = client(ThunkClient)
    program = thunk.dispatch("bulk_create", "POST", "/p")
    next(program)
    assert thunk.state["bulk_create"].is_requesting
    with pytest.raises(StopIteration):
        program.send(ok({"x": 1}))
    triple = thunk.state["bulk_create"]
    assert (triple.is_requesting, triple.data, triple.error) == (False, {"x": 1}, None)


def test_thunk_routes_errors_through_state() -> None:
    thunk, _ = client(ThunkClient)
    run(thunk.dispatch("bulk_create", "POST", "/p"), refused(402, 1210))
    triple = thunk.state["bulk_create"]
    assert triple.data is None
    assert (triple.error.status, triple.error.code) == (402, 1210)


# The service's client -------------------------------------------------------------------------------------------------


def test_service_waits_as_long_as_a_429_asks() -> None:
    service, _ = client(ServiceClient)
    limited = Answer(429, refused(429, 971).body, {"retry-after": "9"})
    reply, effects = run(service.call("bulk_create", "POST", "/p"), limited, refused(503, 1232), ok({}))
    assert reply.ok
    assert [effect.delay_us for effect in effects if isinstance(effect, Wait)] == [9_000_000, 1_000_000]


def test_service_never_repeats_a_402_and_sends_no_key() -> None:
    service, session = client(ServiceClient)
    _, effects = run(service.call("bulk_create", "POST", "/p"), refused(402, 1210))
    assert len(effects) == 1
    assert "idempotency_key" not in session.of("request")[0]["detail"]


# What answers show ----------------------------------------------------------------------------------------------------


def test_subscriptions_and_secrets_of_an_answer_are_noted() -> None:
    gateway, session = client(GatewayClient)
    shown = {"id": "s1", "rate_plan": {"id": "pages"}, "frequency": "monthly", "price": 500, "state": "AwaitingPayment"}
    secrets = ["pi_1_secret_a", "pi_b_b_secret_c", 7]
    run(gateway.send("bulk_create", "POST", "/p"), ok({"subscriptions": [shown], "client_secrets": secrets}))
    noted = session.of("subscription")[0]
    assert (noted["subject"], noted["state"], noted["amount_minor"]) == ("s1", "AwaitingPayment", 500)
    assert [(fact["subject"], fact["detail"]["well_formed"]) for fact in session.of("secret")] == [
        ("pi_1", True),
        ("pi_b_b", False),
        ("malformed", False),
    ]
    assert session.of("answer")[0]["detail"] == {"client_secrets": 3}
    assert "_secret_" not in repr(session.facts)


def test_entitlements_are_noted_when_they_change() -> None:
    gateway, session = client(GatewayClient)
    for status in ("inactive", "inactive", "active", "active"):
        shown = [{"subscription_id": "s1", "feature": "pages", "status": status}]
        run(gateway.send("entitlements", "GET", "/e"), ok(shown))
    assert [fact["state"] for fact in session.of("entitlement")] == ["inactive", "active"]


def test_decline_code_is_read_from_the_message() -> None:
    reply = Reply(refused(402, 1214, "card refused (insufficient_funds)"), "r1")
    assert reply.decline_code == "insufficient_funds"
    assert Reply(refused(402, 1210, "insufficient_funds"), "r1").decline_code is None


@pytest.mark.parametrize("body", [None, b"", "x", [], 3, {"success": "yes"}, {"errors": {"code": 1}}])
def test_what_is_no_envelope_is_a_refusal_without_a_code(body: Any) -> None:
    reply = Reply(Answer(200, body), "r1")
    assert (reply.ok, reply.state, reply.code, reply.objects("subscriptions")) == (False, "refused", None, [])


@pytest.mark.parametrize(("asked", "waited_us"), [("7", 7_000_000), ("soon", 1_000_000), ("nan", 900_000_000)])
def test_retry_after_is_read_with_care(asked: str, waited_us: int) -> None:
    assert Reply(Answer(429, None, {"retry-after": asked}), "r1").retry_after_us == waited_us


# Stripe.js ------------------------------------------------------------------------------------------------------------


def stripe() -> tuple[StripeClient, Session]:
    session = Session()
    return StripeClient(session), session  # type: ignore[arg-type]


def test_confirm_goes_by_the_secret_and_is_noted_without_it() -> None:
    browser, session = stripe()
    answer = Answer(200, {"id": "seti_1", "status": "succeeded", "payment_method": "pm_1"})
    stands, effects = run(browser.confirm("seti_1_secret_a", {"type": "card"}, "card", 2), answer)
    request = effects[0].request
    assert request.path == "/v1/setup_intents/seti_1/confirm"
    assert request.body["payment_method_data"] == {"type": "card"}
    assert request.body["use_stripe_sdk"] is True
    assert request.headers == {"authorization": "Bearer pk_test_x"}
    assert (stands.status, stands.method_id) == ("succeeded", "pm_1")
    noted = session.of("confirm")[0]
    assert (noted["subject"], noted["operation"], noted["state"]) == ("seti_1", "confirm_setup", "succeeded")
    assert noted["detail"] == {"payment_method": "card", "try": 2}
    assert "_secret_" not in repr(session.facts)


def test_decline_is_read_from_the_error() -> None:
    browser, session = stripe()
    intent = {"id": "pi_1", "status": "requires_payment_method"}
    error = {"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "payment_intent": intent}
    stands, _ = run(browser.confirm("pi_1_secret_a", "pm_1", "card", 1), Answer(402, {"error": error}))
    assert (stands.status, stands.decline_code, stands.http_status) == ("requires_payment_method", "lost_card", 402)
    assert session.of("confirm")[0]["detail"]["decline_code"] == "lost_card"


@pytest.mark.parametrize(
    ("action", "url"),
    [
        ({"type": "redirect_to_url", "redirect_to_url": {"url": "https://a.test/p"}}, "https://a.test/p"),
        ({"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": "https://a.test/3d"}}, "https://a.test/3d"),
        ({"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": "nowhere"}}, None),
        ("later", None),
    ],
)
def test_page_of_the_next_action(action: Any, url: str | None) -> None:
    browser, _ = stripe()
    answer = Answer(200, {"id": "pi_1", "status": "requires_action", "next_action": action})
    stands, effects = run(browser.retrieve("pi_1_secret_a"), answer)
    assert stands.next_url == url
    assert effects[0].request.query == {"client_secret": "pi_1_secret_a"}


def test_nonce_names_the_account() -> None:
    browser, _ = stripe()
    nonce, effects = run(browser.create_payment_method({"type": "card"}), Answer(200, {"id": "pm_9"}))
    assert nonce == "pm_9"
    assert effects[0].request.body == {"type": "card", "metadata": {"account_id": "acct1"}}
