"""Whatever a customer is answered, its program ends by itself, with exactly one outcome for each attempt."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.messages import UNKNOWN, Answer, Request

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
named = st.fixed_dictionaries(
    {},
    optional={
        "success": st.booleans() | json_values,
        "errors": st.lists(st.fixed_dictionaries({"code": st.sampled_from([1001, 1210, 1214, 1215, 1231, 1232, 971])}))
        | json_values,
        "messages": json_values,
        "result": st.fixed_dictionaries(
            {},
            optional={
                "subscriptions": st.lists(
                    st.fixed_dictionaries({"id": st.text(max_size=3) | json_values}) | json_values, max_size=2
                ),
                "client_secrets": st.lists(
                    st.sampled_from(["pi_1_secret_a", "seti_1_secret_a", "pi_", "seti__secret__secret_", "x"])
                    | json_values,
                    max_size=2,
                ),
                "client_secret": st.sampled_from(["pi_2_secret_b", "seti_2_secret_b"]) | json_values,
                "id": json_values,
            },
        )
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "status": st.sampled_from(["active", "inactive"]),
                    "state": st.sampled_from(["Paid", "Provisioned", "AwaitingPayment"]) | json_values,
                    "rate_plan": st.just({"id": "zone_pro"}) | json_values,
                    "id": json_values,
                },
            ),
            max_size=2,
        )
        | json_values,
        "id": st.just("pi_1") | json_values,
        "status": st.sampled_from(
            ["succeeded", "requires_action", "requires_payment_method", "requires_confirmation", "canceled"]
        )
        | json_values,
        "next_action": st.just({"redirect_to_url": {"url": "https://hooks.stripe.com/p/1"}}) | json_values,
        "last_payment_error": json_values,
        "error": st.fixed_dictionaries({}, optional={"type": st.just("card_error"), "code": json_values}) | json_values,
        "payment_method": json_values,
    },
)
headers = st.sampled_from([{}, {"retry-after": "7"}, {"retry-after": "soon"}, {"retry-after": "nan"}])
answers = st.one_of(
    st.just(UNKNOWN),
    st.builds(
        Answer,
        st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 402, 403, 404, 409, 429, 500, 503]),
        named | json_values | st.binary(max_size=4),
        headers,
    ),
)
CARTS = (
    {"lines": [{"rate_plan": "workers_paid"}]},
    {"lines": [{"rate_plan": "zone_pro", "zone": "new"}], "domains": [{}]},
    {"upgrade": {"from_plan": "zone_pro", "to_plan": "zone_business"}},
    {"append": {"rate_plan": "zone_pro", "component": "page_rules", "value": 1}},
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 1_000))
@pytest.mark.parametrize("client", ["unified-checkout", "multisku", "billing-profile", "iapi"])
def test_program_ends_with_one_outcome(theatre: Any, client: str, data: st.DataObject, seed: int) -> None:
    calibrated = dict.fromkeys(
        (
            "pays_with",
            "payment_step",
            "first_card",
            "next_card",
            "challenge",
            "redirect",
            "after_decline",
            "after_gate",
        ),
        "calibrated",
    )
    stage = theatre.stage(
        seed=seed,
        front_end=data.draw(st.sampled_from(["old", "inline", "new"])),
        client={client: 1.0},
        payment_method_on_file={"none": 1.0, "valid": 1.0, "expired": 1.0, "paypal": 1.0},
        carts=(data.draw(st.sampled_from(CARTS)),),
        abandons_at="calibrated",
        double_submit={"never": 1.0, "double_click": 1.0, "two_tabs": 1.0, "retry_after_timeout": 1.0},
        returns_after="24h",
        **calibrated,
    )
    plain = dict(stage.on)
    script = data.draw(st.lists(answers, max_size=12))

    def answer(request: Request) -> Answer:
        if script:
            return script.pop(0)
        return plain[request.operation](request)

    stage.on = dict.fromkeys(plain, answer)
    facts = stage.run()
    attempts = [fact.subject for fact in facts if fact.kind == "attempt"]
    assert attempts
    assert [fact.subject for fact in facts if fact.kind == "outcome"] == attempts
    assert "_secret_" not in repr(facts)
    for attempt in attempts:
        steps = [fact.state for fact in facts if fact.kind == "step" and fact.subject == attempt]
        assert len(steps) == len(set(steps))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=answers, seed=st.integers(0, 1_000))
@pytest.mark.parametrize("client", ["unified-checkout", "multisku", "billing-profile", "iapi"])
def test_the_same_answer_for_ever_ends_too(theatre: Any, client: str, answer: Answer, seed: int) -> None:
    stage = theatre.stage(seed=seed, client={client: 1.0}, after_decline="calibrated", pays_with="calibrated")
    stage.on = dict.fromkeys(stage.on, lambda _: answer)
    facts = stage.run()
    assert theatre.states(facts, "outcome") != []
