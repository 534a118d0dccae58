from typing import Any

import pytest

from sim.messages import UNKNOWN, Answer

GATE = {"status": 402, "code": 1210}


def test_new_front_end_confirms_the_secret_and_converts(theatre: Any) -> None:
    stage = theatre.stage()
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert theatre.states(facts, "step") == ["started", "payment", "submitted", "confirming", "entitlement", "done"]
    assert stage.operations() == ["bulk_create", "confirm_payment", "entitlements"]
    assert theatre.states(facts, "shown") == ["confirmation"]


def test_purchase_is_keyed_and_on_session(theatre: Any) -> None:
    stage = theatre.stage()
    stage.run()
    bulk = stage.sent[0]
    assert bulk.path == "/api/v4/bulk/subscriptions"
    assert bulk.body == {
        "subscriptions": [{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}],
        "user_is_on_session": True,
    }
    assert bulk.headers["idempotency-key"]
    assert bulk.headers["x-client"] == "unified-checkout"
    assert bulk.headers["authorization"] == "Bearer t"


def test_no_card_number_and_no_secret_in_any_fact(theatre: Any) -> None:
    stage = theatre.stage(front_end="old")
    facts = stage.run()
    assert "4242424242424242" not in repr(facts)
    assert "_secret_" not in repr(facts)


def test_old_front_end_sends_a_nonce(theatre: Any) -> None:
    stage = theatre.stage(front_end="old")
    stage.status["pi_1"] = "succeeded"
    facts = stage.run()
    bulk = next(one for one in stage.sent if one.operation == "bulk_create")
    assert bulk.body["payment_method_id"] == "pm_nonce"
    assert stage.sent[0].body["metadata"] == {"account_id": "acct00000007"}
    assert theatre.outcome(facts) == "converted"


@pytest.mark.parametrize("how", [{"payment_step": {"skipped": 1.0}}, {"pays_with": {"paypal": 1.0}}])
def test_old_front_end_cannot_collect_upon_a_secret(theatre: Any, how: dict[str, Any]) -> None:
    stage = theatre.stage(front_end="old", phase=2, **how)
    stage.on["entitlements"] = lambda _: theatre.envelope([])
    facts = stage.run()
    assert theatre.outcome(facts) == "stuck"
    assert theatre.states(facts, "shown") == ["processing"]
    assert stage.operations().count("entitlements") == 20
    assert "confirm_payment" not in stage.operations()
    assert theatre.states(facts, "step") == ["started", "payment", "submitted", "entitlement"]


@pytest.mark.parametrize(("share", "tickets"), [(1.0, ["opened"]), (0.0, [])])
def test_who_is_left_with_processing_may_ask_support(theatre: Any, share: float, tickets: list[str]) -> None:
    stage = theatre.stage(
        front_end="old", phase=2, payment_step={"skipped": 1.0}, parameters={"processing_asks_support": share}
    )
    stage.on["entitlements"] = lambda _: theatre.envelope([])
    facts = stage.run()
    assert theatre.outcome(facts) == "stuck"
    assert theatre.states(facts, "ticket") == tickets


def test_old_front_end_solves_the_challenge_of_a_saved_card(theatre: Any) -> None:
    stage = theatre.stage(
        front_end="old", payment_method_on_file={"requires_authentication": 1.0}, pays_with={"saved": 1.0}
    )
    page = {"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": "https://hooks.stripe.com/3d_secure/pi_1"}}
    stage.gives("retrieve_intent", Answer(200, {"id": "pi_1", "status": "requires_action", "next_action": page}))
    stage.status["pi_1"] = "succeeded"
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert stage.visits == [("https://hooks.stripe.com/3d_secure/pi_1", "complete")]
    assert theatre.states(facts, "challenge") == ["shown", "passed"]


def test_on_session_gate_off_confirms_nothing(theatre: Any) -> None:
    stage = theatre.stage(gates={"billing-on-session-payment": False})
    stage.on["entitlements"] = lambda _: theatre.envelope([])
    facts = stage.run()
    assert theatre.outcome(facts) == "stuck"
    assert "confirm_payment" not in stage.operations()
    assert "confirming" not in theatre.states(facts, "step")


def test_old_front_end_shows_as_bought_what_was_granted_before_it_was_paid(theatre: Any) -> None:
    stage = theatre.stage(front_end="old", phase=2, payment_step={"skipped": 1.0})
    facts = stage.run()
    assert theatre.states(facts, "shown") == ["confirmation"]
    assert "confirm_payment" not in stage.operations()


def test_setup_secret_is_confirmed_as_setup(theatre: Any) -> None:
    stage = theatre.stage()
    stage.secret_kind = "seti"
    facts = stage.run()
    assert "confirm_setup" in stage.operations()
    assert [fact.operation for fact in facts if fact.kind == "confirm"] == ["confirm_setup"]


# Challenges and redirects ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "end", "outcome", "visited"),
    [
        ("passed", "succeeded", "converted", ["complete"]),
        ("failed", "requires_payment_method", "declined", ["fail"]),
        ("abandoned", "requires_action", "challenge_lost", []),
    ],
)
def test_challenge(theatre: Any, how: str, end: str, outcome: str, visited: list[str]) -> None:
    stage = theatre.stage(challenge={how: 1.0}, first_card={"three_d_secure": 1.0})
    stage.page_end = end
    stage.asks_for_page("3d_secure")
    facts = stage.run()
    assert theatre.outcome(facts) == outcome
    assert theatre.states(facts, "challenge") == ["shown", how]
    assert [outcome for _, outcome in stage.visits] == visited


def test_failed_challenge_is_told_apart_from_a_decline(theatre: Any) -> None:
    stage = theatre.stage(challenge={"failed": 1.0})
    stage.asks_for_page("3d_secure")
    error = {"code": "payment_intent_authentication_failure", "type": "invalid_request_error"}
    body = {"id": "pi_1", "status": "requires_payment_method", "last_payment_error": error}
    stage.gives("retrieve_intent", Answer(200, body))
    assert theatre.outcome(stage.run()) == "challenge_lost"


@pytest.mark.parametrize(
    ("how", "end", "outcome", "redirects"),
    [
        ("finished", "succeeded", "converted", ["left", "finished", "returned"]),
        ("cancelled", "requires_payment_method", "redirect_lost", ["left", "cancelled", "returned"]),
        ("refused", "requires_payment_method", "declined", ["left", "refused", "returned"]),
        ("never_back", "succeeded", "redirect_lost", ["left", "never_back"]),
    ],
)
def test_paypal(theatre: Any, how: str, end: str, outcome: str, redirects: list[str]) -> None:
    stage = theatre.stage(pays_with={"paypal": 1.0}, redirect={how: 1.0})
    stage.page_end = end
    stage.asks_for_page("paypal")
    facts = stage.run()
    assert theatre.outcome(facts) == outcome
    assert theatre.states(facts, "redirect") == redirects
    assert stage.sent[1].body["return_url"]
    assert len(stage.visits) == 1


def test_early_return_shows_processing_not_failure(theatre: Any) -> None:
    stage = theatre.stage(pays_with={"paypal": 1.0})
    stage.page_end = "requires_action"
    stage.asks_for_page("paypal")
    stage.on["entitlements"] = lambda _: theatre.envelope([])
    facts = stage.run()
    assert theatre.outcome(facts) == "processing"
    assert theatre.states(facts, "shown") == ["processing"]


def test_cancelled_paypal_may_pay_by_card(theatre: Any) -> None:
    stage = theatre.stage(pays_with={"paypal": 1.0}, redirect={"cancelled": 1.0}, after_decline={"another_card": 1.0})
    plain = stage.on["confirm_payment"]
    stage.page_end = "requires_payment_method"
    stage.asks_for_page("paypal")
    to_paypal = stage.on["confirm_payment"]
    stage.on["confirm_payment"] = lambda request: (to_paypal if "return_url" in request.body else plain)(request)
    assert theatre.outcome(stage.run()) == "converted"


# Declines -------------------------------------------------------------------------------------------------------------


def card_declined(code: str) -> Answer:
    intent = {"id": "pi_1", "status": "requires_payment_method"}
    error = {"type": "card_error", "code": "card_declined", "decline_code": code, "payment_intent": intent}
    return Answer(402, {"error": error})


def test_declined_secret_is_tried_again_with_another_card(theatre: Any) -> None:
    stage = theatre.stage(after_decline={"another_card": 1.0}, first_card={"insufficient_funds": 1.0})
    stage.gives("confirm_payment", card_declined("insufficient_funds"))
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    confirms = [fact for fact in facts if fact.kind == "confirm"]
    assert [fact.detail["try"] for fact in confirms if fact.detail] == [1, 2]
    assert confirms[0].detail is not None
    assert confirms[0].detail["decline_code"] == "insufficient_funds"
    assert stage.operations().count("bulk_create") == 1


def test_tries_are_bounded(theatre: Any) -> None:
    stage = theatre.stage(after_decline={"same_card": 1.0}, parameters={"payment_tries_max": 4})
    stage.on["confirm_payment"] = lambda _: card_declined("lost_card")
    assert theatre.outcome(stage.run()) == "declined"
    assert stage.operations().count("confirm_payment") == 4


@pytest.mark.parametrize(("front_end", "reason"), [("new", "lost_card"), ("inline", "payment failed")])
def test_only_the_new_front_end_says_what_went_wrong(theatre: Any, front_end: str, reason: str) -> None:
    stage = theatre.stage(front_end=front_end)
    stage.on["confirm_payment"] = lambda _: card_declined("lost_card")
    shown = [fact for fact in stage.run() if fact.kind == "shown"]
    assert [fact.detail["reason"] for fact in shown if fact.detail] == [reason]


def test_card_refused_in_the_request_is_replaced_by_another_nonce(theatre: Any) -> None:
    stage = theatre.stage(front_end="old", after_decline={"another_card": 1.0})
    stage.gives("bulk_create", theatre.refusal(402, 1214, "the card was refused: insufficient_funds"))
    stage.status["pi_1"] = "succeeded"
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    keys = [one.headers["idempotency-key"] for one in stage.sent if one.operation == "bulk_create"]
    assert len(set(keys)) == 2
    refused = next(fact for fact in facts if fact.kind == "answer" and fact.state == "refused")
    assert refused.detail == {"decline_code": "insufficient_funds"}


def test_mistyped_number_is_corrected_before_submit(theatre: Any) -> None:
    stage = theatre.stage(front_end="old", after_decline={"another_card": 1.0}, first_card={"incorrect_number": 1.0})
    error = {"type": "card_error", "code": "incorrect_number"}
    stage.gives("create_payment_method", Answer(402, {"error": error}))
    stage.status["pi_1"] = "succeeded"
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations()[:3] == ["create_payment_method", "create_payment_method", "bulk_create"]


def test_one_refused_secret_does_not_hold_the_others(theatre: Any) -> None:
    stage = theatre.stage(carts=({"lines": [{"rate_plan": "pages"}], "domains": [{}]},))
    stage.gives("confirm_payment", card_declined("lost_card"))
    facts = stage.run()
    assert stage.operations() == [
        "bulk_create",
        "registrar_checkout",
        "confirm_payment",
        "confirm_payment",
        "entitlements",
    ]
    assert theatre.outcome(facts) == "declined"


def test_cancelled_intent_is_asked_for_anew(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("confirm_payment", Answer(400, {"error": {"code": "payment_intent_unexpected_state"}}))
    stage.gives("retrieve_intent", Answer(200, {"id": "pi_1", "status": "canceled"}))
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations().count("bulk_create") == 2


def test_intent_that_succeeded_elsewhere_is_not_paid_again(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("confirm_payment", Answer(400, {"error": {"code": "payment_intent_unexpected_state"}}))
    stage.status["pi_1"] = "succeeded"
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations().count("confirm_payment") == 1


# The gate -------------------------------------------------------------------------------------------------------------


def test_blocked_by_the_gate_and_leaves(theatre: Any) -> None:
    stage = theatre.stage(phase=0, front_end="old", payment_step={"skipped": 1.0})
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    facts = stage.run()
    assert theatre.outcome(facts) == "blocked_by_gate"
    assert [(fact.state, fact.status, fact.code) for fact in facts if fact.kind == "shown"] == [("refused", 402, 1210)]


def test_blocked_by_the_gate_and_asks_support(theatre: Any) -> None:
    stage = theatre.stage(phase=0, after_gate={"asks_support": 1.0})
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    facts = stage.run()
    assert theatre.states(facts, "ticket") == ["opened"]
    assert theatre.outcome(facts) == "blocked_by_gate"


def test_detour_adds_a_method_and_repeats_the_purchase(theatre: Any) -> None:
    stage = theatre.stage(
        phase=0, after_gate={"adds_payment_method": 1.0}, payment_step={"skipped": 1.0}, front_end="old"
    )
    stage.gives("bulk_create", theatre.refusal(402, 1210))
    stage.secret_kind = ""
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert theatre.states(facts, "detour") == ["started", "added"]
    assert stage.operations() == [
        "bulk_create",
        "setup_payment_method",
        "confirm_setup",
        "add_payment_method",
        "bulk_create",
        "entitlements",
    ]
    profile = {fact.actor for fact in facts if fact.kind == "request" and fact.operation == "setup_payment_method"}
    assert profile == {"billing-profile"}


def test_a_card_put_on_file_on_the_way_is_no_confirmation_of_the_purchase(theatre: Any) -> None:
    stage = theatre.stage(phase=0, after_gate={"adds_payment_method": 1.0}, payment_step={"skipped": 1.0})
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    facts = stage.run()
    assert theatre.states(facts, "confirm") == ["succeeded"]
    assert theatre.states(facts, "step") == ["started", "payment", "submitted"]


def test_a_saved_method_counts_its_tries_whatever_was_preferred(theatre: Any) -> None:
    stage = theatre.stage(front_end="old", payment_method_on_file={"valid": 1.0}, payment_step={"skipped": 1.0})
    stage.gives("retrieve_intent", Answer(200, {"id": "pi_1", "status": "requires_confirmation"}))
    facts = stage.run()
    assert [fact.detail["try"] for fact in facts if fact.kind == "confirm" and fact.detail] == [1]


def test_detour_is_taken_once(theatre: Any) -> None:
    stage = theatre.stage(phase=0, after_gate={"adds_payment_method": 1.0})
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    facts = stage.run()
    assert theatre.outcome(facts) == "blocked_by_gate"
    assert theatre.states(facts, "detour") == ["started", "added"]


def test_no_detour_where_the_billing_section_is_hidden(theatre: Any) -> None:
    stage = theatre.stage(phase=0, after_gate={"adds_payment_method": 1.0}, gates={"billing-routes": False})
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    facts = stage.run()
    assert theatre.states(facts, "detour") == []
    assert theatre.outcome(facts) == "blocked_by_gate"


# Refusals, time-outs, limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(403, 1212), (403, 1213), (403, 1215), (409, 1231), (400, 1001)])
def test_other_refusals_are_shown(theatre: Any, status: int, code: int) -> None:
    stage = theatre.stage()
    stage.on["bulk_create"] = lambda _: theatre.refusal(status, code)
    facts = stage.run()
    assert theatre.outcome(facts) == "refused"
    assert [(fact.state, fact.status, fact.code) for fact in facts if fact.kind == "shown"] == [
        ("refused", status, code)
    ]


def test_stripe_down_is_tried_again_with_the_same_key(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("bulk_create", theatre.refusal(503, 1232), theatre.refusal(503, 1232))
    assert theatre.outcome(stage.run()) == "converted"
    keys = [one.headers["idempotency-key"] for one in stage.sent if one.operation == "bulk_create"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_stripe_down_for_good_is_an_error(theatre: Any) -> None:
    stage = theatre.stage()
    stage.on["bulk_create"] = lambda _: theatre.refusal(503, 1232)
    assert theatre.outcome(stage.run()) == "error"
    assert stage.operations() == ["bulk_create"] * 3


def test_retry_after_is_honoured(theatre: Any) -> None:
    stage = theatre.stage()
    limited = theatre.refusal(429, 971)
    stage.gives("bulk_create", Answer(429, limited.body, {"retry-after": "240"}))
    facts = stage.run()
    sent = [fact.time_us for fact in facts if fact.kind == "request" and fact.operation == "bulk_create"]
    assert sent[1] - sent[0] == 240_000_000
    assert theatre.outcome(facts) == "converted"


def test_time_out_is_unknown_and_repeated_with_the_same_key(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("bulk_create", UNKNOWN)
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert theatre.states(facts, "answer")[0] == "unknown"
    keys = {one.headers["idempotency-key"] for one in stage.sent if one.operation == "bulk_create"}
    assert len(keys) == 1


def test_without_any_answer_the_state_is_read(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("bulk_create", UNKNOWN, UNKNOWN, UNKNOWN)
    stage.bought = [theatre.subscription(1, "workers_paid", "Provisioned")]
    assert theatre.outcome(stage.run()) == "converted"
    assert "list_subscriptions" in stage.operations()


def test_without_any_answer_an_unpaid_purchase_is_reached_by_pre_auth(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("bulk_create", UNKNOWN, UNKNOWN, UNKNOWN)
    stage.bought = [theatre.subscription(1, "workers_paid")]
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert [fact.subject for fact in facts if fact.kind == "confirm"] == ["pi_again"]


def test_without_any_answer_a_paid_purchase_is_waited_for(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("bulk_create", UNKNOWN, UNKNOWN, UNKNOWN)
    stage.bought = [theatre.subscription(1, "workers_paid")]
    stage.on["pre_auth"] = lambda _: theatre.refusal(409, 1231, "paid already")
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert theatre.states(facts, "confirm") == []


def test_confirmation_without_an_answer_is_read_not_assumed(theatre: Any) -> None:
    stage = theatre.stage()
    stage.gives("confirm_payment", UNKNOWN)
    stage.status["pi_1"] = "succeeded"
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert theatre.states(facts, "confirm") == ["unknown"]


def test_polling_gives_up_after_a_minute(theatre: Any) -> None:
    stage = theatre.stage()
    stage.on["entitlements"] = lambda _: theatre.envelope([])
    facts = stage.run()
    assert theatre.outcome(facts) == "processing"
    polls = [fact.time_us for fact in facts if fact.kind == "request" and fact.operation == "entitlements"]
    assert len(polls) == 20
    assert polls[1] - polls[0] == 3_000_000


# Double submits, leaving, coming back ---------------------------------------------------------------------------------


def test_double_click_sends_the_same_request_twice(theatre: Any) -> None:
    stage = theatre.stage(double_submit={"double_click": 1.0})
    facts = stage.run()
    first, second = [one for one in stage.sent if one.operation == "bulk_create"]
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert theatre.outcome(facts) == "converted"


def test_second_tab_has_a_key_of_its_own(theatre: Any) -> None:
    stage = theatre.stage(double_submit={"two_tabs": 1.0})
    stage.run()
    first, second = [one for one in stage.sent if one.operation == "bulk_create"]
    assert first.body == second.body
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


@pytest.mark.parametrize(
    ("step", "operations", "steps"),
    [
        ("cart", [], ["started"]),
        ("payment", ["bulk_create"], ["started", "payment", "submitted"]),
        ("confirmation", ["bulk_create"], ["started", "payment", "submitted"]),
    ],
)
def test_leaving(theatre: Any, step: str, operations: list[str], steps: list[str]) -> None:
    stage = theatre.stage(abandons_at={step: 1.0})
    facts = stage.run()
    assert theatre.outcome(facts) == "abandoned"
    assert stage.operations() == operations
    assert theatre.states(facts, "step") == steps


@pytest.mark.parametrize("how", [{"front_end": "old"}, {"payment_method_on_file": {"valid": 1.0}}])
def test_leaving_at_the_payment_before_anything_is_submitted(theatre: Any, how: dict[str, Any]) -> None:
    stage = theatre.stage(abandons_at={"payment": 1.0}, **how)
    facts = stage.run()
    assert theatre.outcome(facts) == "abandoned"
    assert stage.operations() == []
    assert theatre.states(facts, "step") == ["started", "payment"]


def test_who_leaves_at_the_form_adds_no_method_in_the_billing_profile_either(theatre: Any) -> None:
    stage = theatre.stage(phase=0, abandons_at={"payment": 1.0}, after_gate={"adds_payment_method": 1.0})
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    facts = stage.run()
    assert theatre.outcome(facts) == "blocked_by_gate"
    assert theatre.states(facts, "detour") == []


def test_comes_back_and_buys(theatre: Any) -> None:
    stage = theatre.stage(abandons_at={"confirmation": 1.0}, returns_after="24h")
    facts = stage.run()
    assert theatre.states(facts, "outcome") == ["abandoned", "converted"]
    assert [fact.subject for fact in facts if fact.kind == "attempt"] == ["a1", "a2"]
    assert facts[-1].time_us > 86_400_000_000


def test_does_not_buy_again_what_was_paid_unseen(theatre: Any) -> None:
    stage = theatre.stage(pays_with={"paypal": 1.0}, redirect={"never_back": 1.0}, returns_after="24h")
    stage.asks_for_page("paypal")
    stage.on["list_subscriptions"] = lambda _: theatre.envelope(
        [theatre.subscription(1, "workers_paid", "Provisioned")]
    )
    assert theatre.states(stage.run(), "outcome") == ["redirect_lost"]


# Carts ----------------------------------------------------------------------------------------------------------------


def test_mixed_cart_goes_its_separate_ways(theatre: Any) -> None:
    cart = {
        "lines": [{"rate_plan": "pages"}],
        "domains": [{"tld": "dev"}],
        "upgrade": {"from_plan": "zone_pro", "to_plan": "zone_business"},
    }
    stage = theatre.stage(carts=(cart,))
    stage.bought = [theatre.subscription(1, "zone_pro", "Provisioned")]
    facts = stage.run()
    assert stage.operations()[:4] == ["list_subscriptions", "bulk_create", "registrar_checkout", "update"]
    assert stage.sent[3].path == "/api/v4/subscriptions/sub1"
    assert theatre.outcome(facts) == "converted"
    attempt = next(fact for fact in facts if fact.kind == "attempt")
    assert attempt.detail is not None
    assert list(attempt.detail["products"]) == ["pages", "registrar", "zone_business"]


def test_append_names_its_component(theatre: Any) -> None:
    cart = {"append": {"rate_plan": "images", "component": "hundred_thousand", "value": 2}}
    stage = theatre.stage(carts=(cart,))
    stage.bought = [theatre.subscription(1, "images", "Provisioned")]
    assert theatre.outcome(stage.run()) == "converted"
    append = next(one for one in stage.sent if one.operation == "append")
    assert append.path == "/api/v4/subscriptions/sub1/action/append"
    assert append.body["component_values"] == [{"name": "hundred_thousand", "value": 2}]


def test_new_zone_is_created_and_activated_after_payment(theatre: Any) -> None:
    stage = theatre.stage(carts=({"lines": [{"rate_plan": "zone_pro", "zone": "new"}]},))
    facts = stage.run()
    assert stage.operations() == ["create_zone", "bulk_create", "confirm_payment", "entitlements", "patch_zone"]
    assert stage.sent[1].body["subscriptions"][0]["zone_id"] == "zone-new"
    assert stage.sent[-1].path == "/api/v4/zones/zone-new"
    assert theatre.outcome(facts) == "converted"


def test_zone_that_was_slow_is_activated_at_a_later_visit(theatre: Any) -> None:
    stage = theatre.stage(carts=({"lines": [{"rate_plan": "zone_pro", "zone": "new"}]},))
    stage.gives("entitlements", *[theatre.envelope([])] * 21)
    facts = stage.run()
    assert theatre.outcome(facts) == "processing"
    assert stage.operations()[-3:] == ["entitlements", "entitlements", "patch_zone"]
    assert facts[-1].time_us > 86_400_000_000


def test_zone_that_nobody_paid_for_is_left_alone(theatre: Any) -> None:
    stage = theatre.stage(
        carts=({"lines": [{"rate_plan": "zone_pro", "zone": "new"}]},), abandons_at={"confirmation": 1.0}
    )
    stage.run()
    assert "patch_zone" not in stage.operations()


def test_zone_creation_gate_refuses_new_zones(theatre: Any) -> None:
    cart = {"lines": [{"rate_plan": "zone_pro", "zone": "new"}]}
    stage = theatre.stage(carts=(cart,), gates={"billing-zone-creation": False})
    facts = stage.run()
    assert theatre.outcome(facts) == "refused"
    assert stage.sent == []


def test_existing_zone_is_used(theatre: Any) -> None:
    stage = theatre.stage(carts=({"lines": [{"rate_plan": "zone_pro", "zone": "existing"}]},))
    stage.run()
    assert stage.sent[0].body["subscriptions"][0]["zone_id"] == "zone1"
