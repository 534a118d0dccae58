"""Customers against a deployment that only a profile describes."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import orjson
import pytest

from conformance.over_http.client import HttpAnswer, Unanswered, Unreachable
from conformance.real.accounts_journal import AccountsJournal, JournalInUse, accounts_left
from conformance.real.cleaning import clean
from conformance.real.deployment import SetUpFailed
from conformance.real.interlock import Refused
from conformance.real.target import RealTarget
from sim.facts import Fact
from tests.conformance.real.stand_in import Seen, StandIn, answered

CONTRACT = 'provisioning = "contract"\ncredential_env = "STAGING_PROVISIONING"'
MAPPED = """provisioning = "mapped"
create = { method = "POST", path = "/internal/accounts", body = { label = "{reference}", pm = "{payment_method}" } }
answer = { account_id = "made.id", token = "made.secret.token", stripe_customer = "made.cus" }
delete = { method = "DELETE", path = "/internal/accounts/{account_id}" }"""
CLOCK = {"[accounts]": "[supports]\nclock = true\n\n[accounts]"}


def let_loose(target: RealTarget, variant: Any, count: int | None = None) -> list[tuple[int, str, list[Fact]]]:
    settled: list[tuple[int, str, list[Fact]]] = []
    customers = range(variant.scenario.customers.count if count is None else count)
    target.run(variant, 7, customers, lambda *one: settled.append(one))
    return settled


def states(facts: list[Fact], kind: str) -> list[str | None]:
    return [fact.state for fact in facts if fact.kind == kind]


def left(target: RealTarget) -> int:
    return accounts_left(target.path.with_name("staging.accounts.jsonl"))


def test_customers_buy_pay_and_are_provisioned(target: Any, scenario: Any, deployment: StandIn) -> None:
    real = target()
    settled = let_loose(real, scenario()[0])
    assert [number for number, _, _ in settled] == [0, 1, 2, 3]
    for _, account, facts in settled:
        assert states(facts, "outcome") == ["converted"]
        assert states(facts, "final_subscription") == ["Provisioned"]
        assert states(facts, "final_entitlement") == ["active"]
        assert states(facts, "final_intent") == ["succeeded"]
        assert states(facts, "intent") == ["requires_payment_method", "succeeded"]
        assert set(states(facts, "reading")) == {"complete"}
        assert {fact.source for fact in facts} == {"observed", "ledger"}
        assert [fact.time_us for fact in facts] == sorted(fact.time_us for fact in facts)
        assert {(fact.detail or {}).get("account_id", account) for fact in facts if fact.kind == "intent"} == {account}
        [success] = [fact for fact in facts if fact.kind == "intent" and fact.state == "succeeded"]
        [settled_at] = [fact.time_us for fact in facts if fact.kind == "settled"]
        assert success.detail is not None
        assert success.detail["delivered_by_us"] + 60_000_000 <= settled_at
    assert deployment.accounts() == []
    assert left(real) == 0
    assert real.not_deleted == 0
    assert real.lateness.count > 0


def test_idempotency_keys_and_accounts_are_not_those_of_another_run(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    [variant] = scenario({"count: 4": "count: 1"})
    for _ in range(2):
        let_loose(target(), variant)
    keys = [one.headers["idempotency-key"] for one in deployment.bought()]
    assert len(set(keys)) == len(keys) == 2


def test_without_a_restricted_key_there_is_no_ledger_and_it_says_so(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    [(_, _, facts)] = let_loose(
        target({'restricted_key_env = "STAGING_RK"\n': ""}), scenario({"count: 4": "count: 1"})[0]
    )
    assert {fact.source for fact in facts if fact.kind != "reading"} == {"observed"}
    told = {fact.operation: (fact.state, fact.detail) for fact in facts if fact.kind == "reading"}
    assert told["list_subscriptions"] == ("complete", None)
    assert told["ledger"][0] == told["ledger_events"][0] == "failed"
    assert "restricted_key_env" in told["ledger"][1]["reason"]  # type: ignore[index]
    assert not [one for one in deployment.seen if "sk_test" in one.headers.get("authorization", "")]


@pytest.mark.parametrize("path", ["/v1/events", "/v1/charges", "/v1/payment_intents"])
def test_what_the_key_may_not_read_is_noted_and_spoils_nothing_else(
    target: Any, scenario: Any, deployment: StandIn, path: str
) -> None:
    def forbid(seen: Seen) -> Any:
        forbidden = seen.method == "GET" and seen.path == path
        return answered(403, {"error": {"type": "invalid_request_error"}}) if forbidden else None

    deployment.answer_instead = forbid
    [(_, _, facts)] = let_loose(target(), scenario({"count: 4": "count: 1"})[0])
    failed = {fact.operation for fact in facts if fact.kind == "reading" and fact.state == "failed"}
    assert failed == {"ledger_events" if path == "/v1/events" else "ledger"}
    assert states(facts, "outcome") == ["converted"]


def test_what_stays_unpaid_expires_where_the_clock_can_be_moved(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    [variant] = scenario({"first_card: succeeds": "first_card: generic_decline\n  after_decline: gives_up"})
    for _, _, facts in let_loose(target(CLOCK), variant):
        assert states(facts, "final_subscription") == ["Expired"]
        assert states(facts, "final_intent") == ["canceled"]
        times = [fact.time_us for fact in facts]
        assert times == sorted(times)
        assert times[-1] - times[0] > 24 * 3_600 * 1_000_000
    for _, _, facts in let_loose(target(), variant):
        assert states(facts, "final_subscription") == ["AwaitingPayment"]


@pytest.mark.parametrize("moved_h", [0, 25])
def test_a_clock_that_an_earlier_run_moved_does_not_tell_when_something_was_granted(
    target: Any, scenario: Any, deployment: StandIn, moved_h: int
) -> None:
    deployment.clock.advance(moved_h * 3600)
    for _, _, facts in let_loose(target(CLOCK), scenario()[0]):
        [entitlement] = [fact for fact in facts if fact.kind == "final_entitlement"]
        assert entitlement.detail is not None
        assert entitlement.detail["activated_on"]
        assert ("activated_us" in entitlement.detail) is (moved_h == 0)


def test_the_settings_are_those_of_the_variant_and_put_back_afterwards(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    def settings() -> list[Any]:
        return [orjson.loads(one.content or b"{}") for one in deployment.seen if one.method == "PUT"]

    let_loose(target({"phase = 2": 'phase = "config"'}), scenario({"phase: 2": "phase: 4"})[0])
    assert [one["phase"] for one in settings()] == [4, 2]


def test_accounts_can_be_made_by_calls_of_the_deployments_own(target: Any, scenario: Any, deployment: StandIn) -> None:
    made: dict[str, str] = {}

    def internal(seen: Seen) -> Any:
        if seen.path == "/internal/accounts":
            body = orjson.loads(seen.content or b"")
            made[body["label"]] = body["pm"]
            account = deployment.provision()
            return answered(
                200,
                {
                    "made": {
                        "id": account["account_id"],
                        "secret": {"token": account["token"]},
                        "cus": account["stripe_customer"],
                    }
                },
            )
        if seen.path.startswith("/internal/accounts/"):
            deployment.store.forget(seen.path.rpartition("/")[2])
            return answered(204, {})
        return None

    deployment.answer_instead = internal
    settled = let_loose(target({CONTRACT: MAPPED}), scenario()[0])
    assert [states(facts, "outcome") for _, _, facts in settled] == [["converted"]] * 4
    assert list(made.values()) == ["none"] * 4
    assert len(set(made)) == 4
    assert deployment.accounts() == []
    assert not [one for one in deployment.seen if one.path.startswith("/__test__/")]


def test_pooled_accounts_are_left_as_they_were_found(target: Any, scenario: Any, deployment: StandIn) -> None:
    accounts = [deployment.provision({"subscriptions": [LINE]}) for _ in range(2)]
    pool = [{name: one[name] for name in ("account_id", "token", "stripe_customer")} for one in accounts]
    pooled = target(
        {CONTRACT: 'provisioning = "pool"\npool = { env = "STAGING_POOL" }'},
        {"STAGING_POOL": orjson.dumps(pool).decode()},
    )
    settled = let_loose(pooled, scenario({"count: 4": "count: 2"})[0])
    for _, account, facts in settled:
        assert states(facts, "outcome") == ["converted"]
        assert sorted(states(facts, "final_subscription")) == ["Provisioned", "Provisioned"]
        given = [fact.subject for fact in facts if fact.kind == "subscription" and (fact.detail or {}).get("at_start")]
        assert len(given) == 1
        kept = deployment.store.account(account)
        assert kept is not None
        assert {one.id: one.state for one in kept.subscriptions.values()}[given[0]] == "Provisioned"
        assert [one.state for one in kept.subscriptions.values()].count("Cancelled") == 1
    with pytest.raises(SetUpFailed, match='no account with payment method "none" is free any more'):
        let_loose(pooled, scenario({"count: 4": "count: 3"})[0])
    assert left(pooled) == 0


LINE = {"rate_plan": {"id": "r2"}, "frequency": "monthly"}


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"count: 4": "count: 4\n  standing: locked"}, "accounts that are locked"),
        ({"count: 4": "count: 4\n  payment_method_on_file: valid"}, 'accounts with payment method "valid"'),
    ],
)
def test_what_provisioning_cannot_supply_is_told_before_anything_is_made(
    target: Any, scenario: Any, deployment: StandIn, replaced: dict[str, str], message: str
) -> None:
    with pytest.raises(SetUpFailed, match=message):
        let_loose(target({CONTRACT: MAPPED}), scenario(replaced)[0])
    assert deployment.seen == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (answered(500, {}), "no account could be made: 500"),
        (answered(401, {"errors": []}), "no account could be made: 401"),
        (answered(201, {"token": "abcdefghi"}), "the answer holds no account_id"),
        (answered(201, {"account_id": "acct1"}), "the answer holds no token"),
        (answered(201, []), "no account could be made: 201"),
        (Unreachable("no connection"), "no connection; check the address"),
    ],
)
def test_provisioning_that_fails_is_told(
    target: Any, scenario: Any, deployment: StandIn, answer: Any, message: str
) -> None:
    def fail(seen: Seen) -> Any:
        if seen.method == "POST" and seen.path == "/__test__/accounts":
            if isinstance(answer, Exception):
                raise answer
            return answer
        return None

    deployment.answer_instead = fail
    with pytest.raises(SetUpFailed, match=message):
        let_loose(target(), scenario()[0])
    assert deployment.bought() == []


def test_time_outs_are_unknown_and_the_purchase_is_made_once(target: Any, scenario: Any, deployment: StandIn) -> None:
    lost: list[str] = []

    def lose(seen: Seen) -> Any:
        if seen.path.endswith("/bulk/subscriptions") and not lost:
            lost.append(seen.headers["idempotency-key"])
            raise Unanswered("no answer within 30 s")
        return None

    deployment.answer_instead = lose
    [(_, _, facts)] = let_loose(target(), scenario({"count: 4": "count: 1"})[0])
    bought = [fact.state for fact in facts if fact.kind == "answer" and fact.operation == "bulk_create"]
    assert bought == ["unknown", "ok"]
    assert {one.headers["idempotency-key"] for one in deployment.bought()} == set(lost)
    assert states(facts, "outcome") == ["converted"]


def test_a_429_is_asked_again_no_sooner_than_it_says(target: Any, scenario: Any, deployment: StandIn) -> None:
    asked_us: list[int] = []

    def limit(seen: Seen) -> Any:
        if not seen.path.endswith("/bulk/subscriptions"):
            return None
        asked_us.append(deployment.clock.now_us)
        limited = answered(429, {"success": False, "errors": [{"code": 971}]}, **{"retry-after": "77"})
        return limited if len(asked_us) == 1 else None

    deployment.answer_instead = limit
    [(_, _, facts)] = let_loose(target(), scenario({"count: 4": "count: 1"})[0])
    assert asked_us[1] - asked_us[0] >= 77_000_000
    assert states(facts, "outcome") == ["converted"]


def test_an_interrupted_run_deletes_what_it_made(target: Any, scenario: Any, deployment: StandIn) -> None:
    def interrupt(seen: Seen) -> Any:
        if seen.path.endswith("/confirm"):
            os.kill(os.getpid(), signal.SIGINT)
        return None

    deployment.answer_instead = interrupt
    real = target()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        let_loose(real, scenario()[0])
    assert deployment.accounts() == []
    assert left(real) == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_no_account_is_used_before_it_is_on_disk(target: Any, scenario: Any, deployment: StandIn) -> None:
    real = target()
    journal = real.path.with_name("staging.accounts.jsonl")
    used: set[str] = set()
    asked: list[int] = []

    def look(seen: Seen) -> Any:
        lines = [orjson.loads(line) for line in journal.read_bytes().splitlines()]
        if seen.method == "POST" and seen.path == "/__test__/accounts":
            asked.append(len([one for one in lines if one["event"] == "asked"]))
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        owner = next((one for one in deployment.accounts() if _token(deployment, one) == token), None)
        if owner is not None:
            assert owner in {one.get("account_id") for one in lines if one["event"] == "made"}
            used.add(owner)
        return None

    deployment.answer_instead = look
    let_loose(real, scenario()[0])
    assert len(used) == 4
    assert asked
    assert all(count >= position for position, count in enumerate(asked, 1))


def _token(deployment: StandIn, account_id: str) -> str | None:
    account = deployment.store.account(account_id)
    return None if account is None else account.token


def test_what_a_crash_leaves_is_in_the_journal_and_can_be_cleaned_up_twice(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    def crash(seen: Seen) -> Any:
        if seen.method == "DELETE":
            raise Unanswered("the machine is gone")
        return None

    deployment.answer_instead = crash
    real = target()
    let_loose(real, scenario()[0])
    assert len(deployment.accounts()) == 4
    assert left(real) == real.not_deleted == 4
    deployment.answer_instead = lambda _: None
    cleaned = asyncio.run(clean(real.credentials, real.path, deployment.client))
    assert [line.partition(": ")[2] for line in cleaned.done] == ["deleted"] * 4
    assert cleaned.not_done == []
    assert deployment.accounts() == []
    again = asyncio.run(clean(real.credentials, real.path, deployment.client))
    assert (again.done, again.not_done) == ([], [])


def test_cleaning_tells_what_it_cannot_do(target: Any, scenario: Any, deployment: StandIn) -> None:
    def half_made(seen: Seen) -> Any:
        if seen.method == "POST" and seen.path == "/__test__/accounts":
            raise Unanswered("nobody knows")
        return None

    deployment.answer_instead = half_made
    real = target()
    with pytest.raises(SetUpFailed):
        let_loose(real, scenario({"count: 4": "count: 1"})[0])
    deployment.answer_instead = lambda _: None
    cleaned = asyncio.run(clean(real.credentials, real.path, deployment.client))
    [told] = cleaned.not_done
    assert "it may exist, and its id is not known" in told


def test_cleaning_tidies_up_at_stripe_where_the_profile_allows(target: Any, scenario: Any, deployment: StandIn) -> None:
    [variant] = scenario({"first_card: succeeds": "first_card: generic_decline\n  after_decline: gives_up"})

    def crash(seen: Seen) -> Any:
        if seen.method == "DELETE":
            raise Unanswered("the machine is gone")
        return None

    deployment.answer_instead = crash
    real = target({'pages = "request"': 'pages = "request"\ntidy = true'})
    let_loose(real, variant)
    deployment.answer_instead = lambda _: None
    cleaned = asyncio.run(clean(real.credentials, real.path, deployment.client))
    assert [line.split(":")[0][:9] for line in cleaned.done if "cancelled" in line] == ["intent pi"] * 4
    assert cleaned.not_done == []


def test_operations_that_are_elsewhere_are_asked_for_there(
    target: Any, scenario: Any, deployment: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    known = deployment.send

    async def send(method: str, url: str, headers: Any, content: bytes | None, timeout_s: float) -> Any:
        if "/billing/v2/" in url:
            moved.append(url)
            assert headers["x-access"] == "access-secret"
            url = f"https://gateway.staging.test/api/v4{url.rpartition('/api')[2]}"
        return await known(method, url, headers, content, timeout_s)

    monkeypatch.setattr(deployment, "send", send)
    paths = '[gateway.paths]\nbulk_create = "/billing/v2/{account_id}/api/bulk/subscriptions"\n'
    paths += 'entitlements = "/billing/v2/api/entitlements"\n'
    paths += '[gateway.headers_from_env]\nX-Access = "STAGING_ACCESS"\n'
    [(_, account, facts)] = let_loose(
        target({"[stripe]": f"{paths}[stripe]"}, {"STAGING_ACCESS": "access-secret"}),
        scenario({"count: 4": "count: 1"})[0],
    )
    assert states(facts, "outcome") == ["converted"]
    assert any(f"/billing/v2/{account}/api/bulk/subscriptions" in url for url in moved)
    assert any(url.endswith("/billing/v2/api/entitlements") for url in moved)


def test_a_prefix_may_name_the_account(target: Any, scenario: Any, deployment: StandIn) -> None:
    gateway = '[gateway]\nprefix = "/api/v4/accounts/{account_id}"\n'
    [(_, account, facts)] = let_loose(target({"[gateway]\n": gateway}), scenario({"count: 4": "count: 1"})[0])
    assert states(facts, "outcome") == ["converted"]
    assert deployment.bought()[0].path == f"/api/v4/accounts/{account}/bulk/subscriptions"


def test_the_rate_is_kept(target: Any, scenario: Any, deployment: StandIn) -> None:
    at_us: list[int] = []
    deployment.answer_instead = lambda _: at_us.append(deployment.clock.now_us)
    let_loose(target({"requests_per_second = 5000": "requests_per_second = 10"}), scenario()[0])
    at_us.sort()
    for first, later in zip(at_us, at_us[25:], strict=False):
        assert later - first >= 1_900_000  # 25 requests in less than two seconds are more than ten a second and a burst


def test_two_runs_do_not_use_a_deployment_at_once(target: Any, scenario: Any, tmp_path: Path) -> None:
    with AccountsJournal(tmp_path / "staging.accounts.jsonl"), pytest.raises(JournalInUse):
        let_loose(target(), scenario()[0])


def test_what_an_account_was_made_with_is_read_whatever_provisioning_answers(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    """The contract has three members in that answer, and the subscriptions are not among them."""

    def without_more(seen: Seen) -> HttpAnswer | None:
        if seen.method != "POST" or seen.path != "/__test__/accounts":
            return None
        made = deployment.provision(orjson.loads(seen.content or b"{}"))
        return answered(201, {name: made[name] for name in ("account_id", "token", "stripe_customer")})

    deployment.answer_instead = without_more
    append = "  carts: [{append: {rate_plan: stream, component: thousand_minutes_stored, value: 5}}]\n"
    [variant] = scenario({"  pays_with: card": f"{append}  pays_with: card"})
    for _, _, facts in let_loose(target(), variant, 2):
        given = [fact for fact in facts if fact.kind == "subscription" and (fact.detail or {}).get("at_start")]
        assert [fact.state for fact in given] == ["Provisioned"]


def test_variants_that_are_expected_in_the_same_settings_are_there_together(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    config = {"phase = 2": 'phase = "config"', "[accounts]": "[supports]\nclock = true\n\n[accounts]"}
    phases = {
        "  front_end: new\n": "",
        "  phase: 2": "  regime: continuation\nmatrix:\n  phase: [2, 4]\n  front_end: [old, new]",
    }
    variants = scenario(phases)
    assert [(one.phase, one.front_end) for one in variants] == [(2, "old"), (2, "new"), (4, "old"), (4, "new")]
    real = target(config)
    real.expect(variants, 7)
    told = [let_loose(real, variant) for variant in variants]
    assert [len(stories) for stories in told] == [4, 4, 4, 4]
    assert [[number for number, _, _ in stories] for stories in told] == [[0, 1, 2, 3]] * 4
    names = [name for stories in told for _, name, _ in stories]
    assert len(set(names)) == 16
    moved = [seen for seen in deployment.seen if seen.path == "/__test__/clock"]
    assert len(moved) == 2
    for variant, stories in zip(variants, told, strict=True):
        attempts = [fact for _, _, facts in stories for fact in facts if fact.kind == "attempt"]
        assert {(fact.detail or {})["front_end"] for fact in attempts} == {variant.front_end}
    assert deployment.accounts() == []


def test_a_variant_that_nobody_expected_is_run_alone(target: Any, scenario: Any, deployment: StandIn) -> None:
    [variant] = scenario()
    real = target()
    real.expect([variant], 8)
    assert len(let_loose(real, variant)) == 4
    assert len(let_loose(real, variant)) == 4
    assert len([seen for seen in deployment.seen if seen.path == "/__test__/accounts"]) == 8


def test_the_cap_counts_all_who_are_there_together(target: Any, scenario: Any, deployment: StandIn) -> None:
    variants = scenario(
        {"  front_end: new\n": "", "  phase: 2": "  phase: 2\nmatrix:\n  front_end: [old, inline, new]"}
    )
    real = target({"customers = 20": "customers = 11"})
    real.expect(variants, 7)
    with pytest.raises(Refused, match="12 customers in this run, and the cap is 11"):
        let_loose(real, variants[0])
    assert deployment.seen == []
