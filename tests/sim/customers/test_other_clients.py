from typing import Any

import pytest

from sim.messages import UNKNOWN, Answer


def test_multisku_puts_a_card_on_file_before_the_purchase(theatre: Any) -> None:
    stage = theatre.stage(client={"multisku": 1.0}, front_end="old", phase=0)
    stage.secret_kind = ""
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert stage.operations() == [
        "setup_payment_method",
        "confirm_setup",
        "add_payment_method",
        "bulk_create",
        "entitlements",
    ]
    assert stage.sent[2].body == {"payment_method_id": "pm_1"}
    assert "payment_method_id" not in stage.sent[3].body
    assert {fact.actor for fact in facts} == {"multisku"}


def test_multisku_names_the_new_card_where_another_is_the_default(theatre: Any) -> None:
    stage = theatre.stage(client={"multisku": 1.0}, front_end="old", phase=0, payment_method_on_file={"valid": 1.0})
    stage.secret_kind = ""
    stage.run()
    assert stage.sent[3].body["payment_method_id"] == "pm_1"


def test_newer_multisku_shows_the_card_element_upon_the_secret(theatre: Any) -> None:
    stage = theatre.stage(client={"multisku": 1.0})
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations() == ["bulk_create", "confirm_payment", "entitlements"]


@pytest.mark.parametrize(("share", "outcome"), [(1, "converted"), (0, "abandoned")])
def test_multisku_takes_cards_only(theatre: Any, share: float, outcome: str) -> None:
    stage = theatre.stage(
        client={"multisku": 1.0}, pays_with={"paypal": 1.0}, parameters={"multisku_paypal_pays_by_card": share}
    )
    facts = stage.run()
    assert theatre.outcome(facts) == outcome
    assert all("return_url" not in one.body for one in stage.sent if one.operation == "confirm_payment")


def test_multisku_blocked_by_the_gate(theatre: Any) -> None:
    stage = theatre.stage(client={"multisku": 1.0}, front_end="old", phase=0, payment_step={"skipped": 1.0})
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    assert theatre.outcome(stage.run()) == "blocked_by_gate"


@pytest.mark.parametrize("gate", ["billing-unified-checkout", "billing-unified-checkout-workers-paid"])
def test_gates_send_shoppers_to_multisku(theatre: Any, gate: str) -> None:
    stage = theatre.stage(gates={gate: False})
    facts = stage.run()
    assert stage.shopper.client == "multisku"
    assert {fact.actor for fact in facts} == {"multisku"}


def test_billing_profile_customer_adds_a_method(theatre: Any) -> None:
    stage = theatre.stage(client={"billing-profile": 1.0})
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert stage.operations() == ["profile_update", "setup_payment_method", "confirm_setup", "add_payment_method"]
    attempt = next(fact for fact in facts if fact.kind == "attempt")
    assert attempt.detail is not None
    assert attempt.detail["lines"] == 0
    assert theatre.states(facts, "step") == ["started", "payment", "submitted", "confirming"]


def test_billing_profile_without_a_set_up_confirms_nothing(theatre: Any) -> None:
    stage = theatre.stage(client={"billing-profile": 1.0})
    stage.on["setup_payment_method"] = lambda _: theatre.refusal(403, 1213)
    facts = stage.run()
    assert theatre.outcome(facts) == "refused"
    assert "confirming" not in theatre.states(facts, "step")


def test_billing_profile_update_meets_the_gate_and_works_afterwards(theatre: Any) -> None:
    stage = theatre.stage(client={"billing-profile": 1.0}, phase=0)
    stage.gives("profile_update", theatre.refusal(402, 1210))
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations()[-1] == "profile_update"


def test_billing_profile_method_is_not_saved(theatre: Any) -> None:
    stage = theatre.stage(client={"billing-profile": 1.0})
    stage.on["add_payment_method"] = lambda _: theatre.refusal(400, 1001)
    assert theatre.outcome(stage.run()) == "refused"


def test_service_buys_without_a_customer(theatre: Any) -> None:
    stage = theatre.stage(client={"iapi": 1.0}, payment_method_on_file={"valid": 1.0})
    stage.secret_kind = ""
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert stage.sent[0].body["user_is_on_session"] is False
    assert "idempotency-key" not in stage.sent[0].headers
    assert stage.sent[0].headers["x-client"] == "iapi/provisioner"
    assert {fact.actor for fact in facts} == {"iapi/provisioner"}


def service_waits(theatre: Any, owner: float, front_end: str = "new", pm: str = "none") -> Any:
    stage = theatre.stage(
        client={"iapi": 1.0},
        front_end=front_end,
        payment_method_on_file={pm: 1.0},
        parameters={"owner_confirms_service_purchase": owner},
    )
    made = theatre.subscription(1, "workers_paid")
    stage.bought = [made]
    stage.on["bulk_create"] = lambda _: theatre.envelope({"subscriptions": [made], "client_secrets": []}, [1211])
    return stage


def test_service_is_told_that_the_payment_needs_the_customer(theatre: Any) -> None:
    facts = service_waits(theatre, 0).run()
    assert theatre.outcome(facts) == "waiting_for_customer"
    assert theatre.states(facts, "shown") == ["waiting_for_customer"]
    answer = next(fact for fact in facts if fact.kind == "answer")
    assert answer.detail == {"messages": [1211]}


def test_owner_pays_later_through_pre_auth(theatre: Any) -> None:
    stage = service_waits(theatre, 1)
    facts = stage.run()
    assert theatre.outcome(facts) == "converted"
    assert stage.operations() == [
        "bulk_create",
        "pre_auth",
        "list_subscriptions",
        "confirm_payment",
        "entitlements",
    ]
    assert facts[-1].time_us > 600_000_000


def test_owner_confirms_with_the_method_on_file_in_any_front_end(theatre: Any) -> None:
    stage = service_waits(theatre, 1, "old", pm="requires_authentication")
    assert theatre.outcome(stage.run()) == "converted"
    confirm = next(one for one in stage.sent if one.operation == "confirm_payment")
    assert confirm.body["payment_method"] == "pm_1"


def test_owner_pays_only_what_waits(theatre: Any) -> None:
    stage = theatre.stage(
        client={"iapi": 1.0},
        payment_method_on_file={"requires_authentication": 1.0},
        parameters={"owner_confirms_service_purchase": 1.0},
        carts=({"lines": [{"rate_plan": "r2"}], "domains": [{}]},),
    )
    free = theatre.subscription(1, "r2", "Provisioned")
    domain = theatre.subscription(2, "registrar")
    stage.bought = [free, domain]
    stage.on["bulk_create"] = lambda _: theatre.envelope({"subscriptions": [free], "client_secrets": []})
    needs_customer = theatre.envelope({"subscriptions": [domain], "client_secrets": []}, [1211])
    with_secret = theatre.envelope({"subscriptions": [domain], "client_secrets": ["pi_2_secret_x"]})
    stage.gives("registrar_checkout", needs_customer, with_secret)
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations() == [
        "bulk_create",
        "registrar_checkout",
        "payment_methods",
        "registrar_checkout",
        "retrieve_intent",
        "confirm_payment",
        "entitlements",
    ]


def test_owner_asks_again_where_the_intent_was_cancelled(theatre: Any) -> None:
    stage = service_waits(theatre, 1)
    stage.gives("confirm_payment", Answer(400, {"error": {"code": "payment_intent_unexpected_state"}}))
    stage.gives("retrieve_intent", Answer(200, {"id": "pi_again", "status": "canceled"}))
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations().count("pre_auth") == 2


def test_stripe_silent_to_the_owner_is_no_decline(theatre: Any) -> None:
    stage = service_waits(theatre, 1)
    stage.on["confirm_payment"] = lambda _: UNKNOWN
    stage.on["retrieve_intent"] = lambda _: UNKNOWN
    assert theatre.outcome(stage.run()) == "error"


def test_owner_with_an_old_front_end_cannot_pay(theatre: Any) -> None:
    assert theatre.outcome(service_waits(theatre, 1, "old").run()) == "waiting_for_customer"


@pytest.mark.parametrize(("status", "sent"), [(408, 3), (409, 3), (429, 3), (500, 3), (503, 3), (402, 1), (403, 1)])
def test_service_repeats_as_generated_clients_do(theatre: Any, status: int, sent: int) -> None:
    stage = theatre.stage(client={"iapi": 1.0})
    stage.on["bulk_create"] = lambda _: theatre.refusal(status, 1000)
    stage.run()
    assert stage.operations() == ["bulk_create"] * sent


def test_service_meets_the_gate(theatre: Any) -> None:
    stage = theatre.stage(client={"iapi": 1.0}, phase=0)
    stage.on["bulk_create"] = lambda _: theatre.refusal(402, 1210)
    facts = stage.run()
    assert theatre.outcome(facts) == "blocked_by_gate"
    refused = next(fact for fact in facts if fact.kind == "answer")
    assert (refused.actor, refused.status, refused.code) == ("iapi/provisioner", 402, 1210)


def test_service_does_not_repeat_what_timed_out(theatre: Any) -> None:
    stage = theatre.stage(client={"iapi": 1.0})
    stage.gives("bulk_create", UNKNOWN)
    stage.bought = [theatre.subscription(1, "workers_paid", "Provisioned")]
    assert theatre.outcome(stage.run()) == "converted"
    assert stage.operations() == ["bulk_create", "list_subscriptions", "entitlements"]
