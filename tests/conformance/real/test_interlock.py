"""The interlock: nothing leaves before the static checks, and nothing is bought before the dynamic ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conformance.over_http.browser import Browser
from conformance.real.deployment import SetUpFailed
from conformance.real.interlock import Refused, check_browsing
from conformance.real.target import RealTarget
from tests.conformance.real.stand_in import GATEWAY, STRIPE, Seen, StandIn, answered

FAULT = "\nfaults:\n  - kind: latency\n    service: gateway\n    delay: 1s\n"
CAPACITY = "\ncapacity:\n  gateway:\n    workers: 1\n"


def let_loose(target: RealTarget, variant: Any) -> None:
    target.run(variant, 1, range(variant.scenario.customers.count), lambda *_: None)


@pytest.mark.parametrize(
    ("pairs", "environment", "reason"),
    [
        ({}, {"STAGING_PK": "pk_live_51Habc"}, "STAGING_PK holds a live key; use a test key (pk_test_…)"),
        ({}, {"STAGING_RK": "rk_live_51Habc"}, "STAGING_RK holds a live key"),
        ({}, {"STAGING_RK": "sk_live_51Habc"}, "STAGING_RK holds a live key"),
        ({}, {"STAGING_RK": "sk_org_51Habcd"}, "STAGING_RK holds no key that can be seen to be a test key"),
        ({}, {"STAGING_PK": "sk_test_51Habc"}, "STAGING_PK holds no key that can be seen to be a test key"),
        ({}, {"STAGING_PROVISIONING": "Bearer sk_live_51Habc"}, "STAGING_PROVISIONING holds a live key"),
        ({'"*.staging.test"': '"gateway.staging.test"'}, {}, 'stripe.url: the host "stripe.staging.test" is not on'),
        ({f'url = "{STRIPE}"\n': ""}, {}, 'stripe.url: the host "api.stripe.com" is not on the allow-list'),
        ({f'url = "{GATEWAY}"\n': 'url = "http://gateway.staging.test"\n'}, {}, "would carry credentials unencrypted"),
        (
            {'"*.staging.test"': '"*.staging.test", "api.stripe.com"', f'url = "{STRIPE}"\n': ""},
            {"STAGING_PK": "pk_live_51Habc"},
            "STAGING_PK holds a live key",
        ),
    ],
)
def test_a_profile_that_is_not_certainly_a_tests_is_refused_before_the_first_request(
    target: Any,
    scenario: Any,
    deployment: StandIn,
    pairs: dict[str, str],
    environment: dict[str, str],
    reason: str,
) -> None:
    with pytest.raises(Refused) as caught:
        let_loose(target(pairs, environment), scenario()[0])
    assert any(reason in one for one in caught.value.reasons)
    assert not any("51Habc" in one for one in caught.value.reasons)
    assert deployment.seen == []


def test_a_profile_without_a_marker_is_refused(target: Any, scenario: Any, deployment: StandIn) -> None:
    section = f'[test_environment]\nurl = "{GATEWAY}/environment"\nmember = "environment"\nequals = "staging"\n'
    with pytest.raises(Refused, match="no marker that only a test environment has"):
        let_loose(target({section: ""}), scenario()[0])
    assert deployment.seen == []


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [
        ({"count: 4": "count: 21"}, "the run asks for 21 customers, and the cap is 20"),
        ({"backend:": f"{FAULT}backend:"}, "quick-checkout: asks for faults"),
        ({"backend:": f"{CAPACITY}backend:"}, "quick-checkout: asks for services of limited capacity"),
    ],
)
def test_a_plan_that_asks_for_too_much_is_refused(
    target: Any, scenario: Any, deployment: StandIn, replaced: dict[str, str], reason: str
) -> None:
    with pytest.raises(Refused, match=re.escape(reason)):
        let_loose(target(), scenario(replaced)[0])
    assert deployment.seen == []


def test_the_cap_is_for_all_variants_of_a_run_together(target: Any, scenario: Any, deployment: StandIn) -> None:
    real = target({"customers = 20": "customers = 5"})
    [variant] = scenario()
    with pytest.raises(Refused, match="the run asks for 8 customers, and the cap is 5"):
        real.check([variant, variant])
    real._customers = 2
    with pytest.raises(Refused, match="6 customers in this run, and the cap is 5"):
        let_loose(real, variant)
    assert deployment.seen == []


def test_whatever_is_wrong_is_told_at_once(target: Any, scenario: Any) -> None:
    with pytest.raises(Refused) as caught:
        target({"customers = 20": "customers = 1"}, {"STAGING_PK": "pk_live_51Habc"}).check(scenario())
    assert len(caught.value.reasons) == 2


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (answered(200, {"environment": "production"}), "environment is 'production', expected 'staging'"),
        (answered(200, {}), "environment is missing"),
        (answered(404, {"environment": "staging"}), "it answered 404"),
    ],
)
def test_nothing_but_the_marker_is_asked_of_what_is_no_test_environment(
    target: Any, scenario: Any, deployment: StandIn, answer: Any, found: str
) -> None:
    deployment.answer_instead = lambda seen: answer if seen.path == "/environment" else None
    with pytest.raises(Refused, match=re.escape(found)):
        let_loose(target(), scenario()[0])
    assert [one.path for one in deployment.seen] == ["/environment"]


@pytest.mark.parametrize("livemode", [True, None, "false"])
def test_nothing_is_bought_for_a_customer_that_is_not_certainly_in_test_mode(
    target: Any, scenario: Any, deployment: StandIn, livemode: object
) -> None:
    def live(seen: Seen) -> Any:
        if seen.method == "GET" and seen.path.startswith("/v1/customers/"):
            return answered(200, {"id": "cus_1", "livemode": livemode})
        return None

    deployment.answer_instead = live
    with pytest.raises(Refused, match=r"live mode|test mode"):
        let_loose(target(), scenario()[0])
    assert deployment.bought() == []


def test_anything_live_in_an_answer_of_stripes_stops_everything(
    target: Any, scenario: Any, deployment: StandIn
) -> None:
    confirmed: list[int] = []

    def live(seen: Seen) -> Any:
        if seen.path.endswith("/confirm"):
            confirmed.append(len(deployment.seen))
            return answered(200, {"id": "pi_1", "object": "payment_intent", "livemode": True, "status": "succeeded"})
        return None

    deployment.answer_instead = live
    with pytest.raises(Refused, match="is in live mode"):
        let_loose(target(), scenario({"count: 4": "count: 1"})[0])
    assert len(deployment.seen) == confirmed[0]


def test_customers_are_not_sent_to_pages_off_the_allow_list(target: Any, scenario: Any, deployment: StandIn) -> None:
    variant = scenario({"first_card: succeeds": "first_card: three_d_secure", "count: 4": "count: 1"})[0]
    with pytest.raises(Refused, match=r'the host "hooks.stripe.test" is not on the allow-list'):
        let_loose(target({', "hooks.stripe.test"': ""}), variant)
    assert not [one for one in deployment.seen if "hooks" in one.url]
    assert deployment.accounts() == []


def test_a_deployment_in_another_phase_is_not_run_against(target: Any, scenario: Any, deployment: StandIn) -> None:
    with pytest.raises(SetUpFailed, match=r"quick-checkout runs in another phase than 3, .*backend\.phase"):
        let_loose(target({"phase = 2": "phase = 3"}), scenario()[0])
    assert deployment.seen == []


@pytest.mark.parametrize("url", ["https://hooks.stripe.com/3ds", "http://10.0.0.1/hosted", "http://localhost.example/"])
def test_a_browser_does_not_leave_this_machine(url: str) -> None:
    with pytest.raises(Refused, match="--browser visits pages on this machine only"):
        check_browsing(url)
    check_browsing("http://127.0.0.1:8403/hosted/pi_1")


def test_a_page_elsewhere_is_refused_to_a_browser_and_nothing_is_left(
    target: Any, scenario: Any, deployment: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    class Opened(Browser):
        async def __aenter__(self) -> Any:
            opened.append("browser")
            return self

        async def visit(self, url: str, *_: Any) -> Any:
            opened.append(url)

    monkeypatch.setattr("conformance.real.target.Browser", Opened)
    real = target()
    real._chromium = "/usr/bin/chromium"
    with pytest.raises(Refused, match=r'the host "hooks.stripe.test" is another'):
        let_loose(real, scenario({"first_card: succeeds": "first_card: three_d_secure", "count: 4": "count: 1"})[0])
    assert opened == ["browser"]
    assert deployment.accounts() == []
