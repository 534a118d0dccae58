"""The properties of input, batches, repeats and limits: each held, violated in every way, and without evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.left_behind import left_behind
from conformance.properties.bad_input_refused import names
from conformance.trial import trials
from sim.facts import LEDGER, OBSERVED

Told = Callable[..., Any]

INPUT = "bad-input-refused"
BATCH = "batch-is-atomic"
ENVELOPE = "envelope-conforms"
LIMIT = "rate-limit-told"
REPEATS = "idempotency-honoured"


def only(story: Any, property_id: str) -> Any:
    (finding,) = story.judge(property_id).findings
    return finding


def probing(story: Told, probe: str = "malformed-input", **circumstances: Any) -> Any:
    return story(**circumstances).begin(probe=probe, products=[], lines=0)


def settled(told: Any, at: float = 100) -> Any:
    return told.tell(at, "settled", "acct00000007", state="drained")


def outside(told: Any, *readings: str) -> Any:
    """The same history as somebody outside has it."""
    told.facts = [fact for fact in told.facts if fact.kind != "settled"]
    told.tell(100, "settled", "acct00000007", state="drained", source=OBSERVED)
    for name in readings:
        source = LEDGER if name.startswith("ledger") else OBSERVED
        told.tell(100, "reading", "acct00000007", operation=name, state="complete", source=source)
    return told


def malformed(told: Any, at: float, request: str, status: int | None, code: int | None = None, **more: Any) -> Any:
    """A request with quantity 0, and how it was answered."""
    errors = more.pop("errors", ["subscriptions[0].quantity: 0 is not a whole number"] if code == 1001 else None)
    operation = more.pop("operation", "bulk_create")
    about = {"tries": "malformed", "case": "quantity 0", "must": "refused", "field": "subscriptions[0].quantity"}
    told.send(at, request, operation, probe={**about, **more.pop("due", {}), **more})
    detail = {"errors": errors} if errors is not None else None
    return told.reply(at + 0.5, request, operation, status, code=code, detail=detail)


def look(told: Any, at: float, state: str, read: list[dict[str, Any]], operation: str = "list_subscriptions") -> Any:
    return told.tell(
        at,
        "snapshot",
        "acct00000007",
        source=OBSERVED,
        operation=operation,
        state=state,
        status=200,
        detail={"owner": "self", "read": read},
    )


# --- bad-input-refused ----------------------------------------------------------------------------------------------


def test_a_clear_refusal_is_fine(story: Told) -> None:
    told = malformed(probing(story), 10, "r1", 400, 1001)
    judgement = told.judge(INPUT)
    assert judgement.checks == 1
    assert not judgement.findings
    assert judgement.undecided is None


def test_no_probe_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(INPUT).checks == 0


def test_input_that_does_not_fit_and_is_accepted_is_found(story: Told) -> None:
    finding = only(malformed(probing(story), 10, "r1", 200), INPUT)
    assert "quantity 0 was accepted" in finding.proof
    assert [fact.kind for fact in finding.facts] == ["request", "answer"]


@pytest.mark.parametrize(("status", "code"), [(402, 1210), (403, 1212), (409, 1231), (422, None), (400, 1000)])
def test_another_refusal_than_that_of_the_body_is_found(story: Told, status: int, code: int | None) -> None:
    finding = only(malformed(probing(story), 10, "r1", status, code), INPUT)
    assert "where 400, code 1001 is due" in finding.proof


def test_a_message_that_does_not_name_the_field_is_found(story: Told) -> None:
    finding = only(malformed(probing(story), 10, "r1", 400, 1001, errors=["invalid request"]), INPUT)
    assert "without naming subscriptions[0].quantity" in finding.proof


@pytest.mark.parametrize(
    ("message", "field", "named"),
    [
        ("subscriptions[0].rate_plan.id: no such plan", "subscriptions[0].rate_plan.id", True),
        ("/subscriptions/0/ratePlan is unknown", "subscriptions[0].rate_plan.id", True),
        ("The rate plan does not exist", "rate_plan.id", True),
        ("the id is not valid", "rate_plan.id", False),
        ("subscriptions: 51 elements", "subscriptions", True),
        ("bad request", "subscriptions", False),
        ("UserIsOnSession must be a boolean", "user_is_on_session", True),
    ],
)
def test_fields_may_be_spelt_in_many_ways(message: str, field: str, named: bool) -> None:
    assert names(message, field) is named


def test_a_message_need_not_name_what_has_no_name(story: Told) -> None:
    told = malformed(probing(story), 10, "r1", 400, 1001, field=None, errors=["what is this?"])
    assert not told.judge(INPUT).findings
    told = malformed(probing(story), 10, "r1", 400, 1001, field=None, errors=[" "])
    assert "without a word" in only(told, INPUT).proof


@pytest.mark.parametrize("status", [413, 415])
def test_what_cannot_be_read_may_be_refused_as_that(story: Told, status: int) -> None:
    judgement = malformed(probing(story), 10, "r1", status).judge(INPUT)
    assert judgement.checks == 1
    assert not judgement.findings


@pytest.mark.parametrize(("status", "code"), [(401, 10000), (403, 10000), (404, 7003)])
def test_what_nobody_read_is_undecided(story: Told, status: int, code: int) -> None:
    judgement = malformed(probing(story), 10, "r1", status, code).judge(INPUT)
    assert not judgement.checks
    assert not judgement.findings
    assert "before it was looked at" in (judgement.undecided or "")


def test_what_is_not_there_has_its_own_status_and_code(story: Told) -> None:
    absent: dict[str, Any] = {"field": None, "operation": "none", "due": {"status": 404, "code": 7003}}
    assert not malformed(probing(story), 10, "r1", 404, 7003, **absent).judge(INPUT).findings
    finding = only(malformed(probing(story), 10, "r1", 400, 1001, **absent), INPUT)
    assert "where 404, code 7003 is due" in finding.proof


def test_what_the_contract_leaves_open_is_only_to_be_answered(story: Told) -> None:
    for status, code in ((200, None), (400, 1001), (409, 1231)):
        assert not malformed(probing(story), 10, "r1", status, code, must="answered").judge(INPUT).findings


def three_errors(told: Any, status: int = 500, code: int | None = 1000) -> Any:
    for number in range(3):
        malformed(told, 10 + number, f"r{number}", status, code, must="answered")
    return told


def test_a_server_error_each_time_is_found(story: Told) -> None:
    finding = only(three_errors(probing(story)), INPUT)
    assert "500 each of 3 times" in finding.proof
    assert len(finding.facts) == 6


def test_a_server_error_once_is_undecided(story: Told) -> None:
    judgement = malformed(probing(story), 10, "r1", 500).judge(INPUT)
    assert not judgement.findings
    assert "proves nothing" in (judgement.undecided or "")


def test_server_errors_that_are_made_on_purpose_accuse_nobody(story: Told) -> None:
    judgement = three_errors(probing(story, faulty=True)).judge(INPUT)
    assert not judgement.findings
    assert judgement.undecided is not None


@pytest.mark.parametrize(("status", "code"), [(503, 1232), (504, 1000)])
def test_failures_that_the_contract_knows_accuse_nobody(story: Told, status: int, code: int) -> None:
    judgement = three_errors(probing(story), status, code).judge(INPUT)
    assert not judgement.findings
    assert judgement.undecided is not None


@pytest.mark.parametrize("status", [None, 429])
def test_no_answer_says_nothing(story: Told, status: int | None) -> None:
    judgement = malformed(probing(story), 10, "r1", status).judge(INPUT)
    assert not judgement.checks
    assert not judgement.findings


def test_a_trace_of_a_refused_request_is_found(story: Told) -> None:
    told = malformed(probing(story), 10, "r1", 400, 1001).state(10.2, "s1", "AwaitingPayment")
    assert "subscription s1 had been made" in only(told, INPUT).proof


def test_what_stood_at_the_start_and_what_events_change_is_no_trace(story: Told) -> None:
    told = malformed(probing(story).in_force(0), 10, "r1", 400, 1001)
    told.state(10.2, "s0", "Provisioned", related=None)
    told.state(10.2, "s9", "Paid", actor="billing-webhooks")
    assert not told.judge(INPUT).findings


S1 = {"id": "s1", "rate_plan": {"id": "images"}, "frequency": "monthly", "price": 500, "state": "AwaitingPayment"}


def test_readings_that_differ_are_found(story: Told) -> None:
    told = look(probing(story), 5, "start", [])
    malformed(told, 10, "r1", 400, 1001)
    look(told, 20, "after bulk_create", [S1])
    finding = only(told, INPUT)
    assert "'s1'" in finding.proof
    assert [fact.kind for fact in finding.facts] == ["snapshot", "request", "snapshot"]


def test_readings_that_differ_by_what_the_contract_does_not_name_are_not(story: Told) -> None:
    told = look(probing(story), 5, "start", [{**S1, "seen": 1}])
    malformed(told, 10, "r1", 400, 1001)
    look(told, 20, "after", [{**S1, "seen": 2}])
    assert not told.judge(INPUT).findings


def test_readings_around_anything_else_prove_nothing(story: Told) -> None:
    told = look(probing(story), 5, "start", [])
    malformed(told, 10, "r1", 400, 1001)
    told.send(12, "r2").reply(13, "r2")
    look(told, 20, "after", [S1])
    assert not told.judge(INPUT).findings


def test_readings_around_nothing_prove_nothing(story: Told) -> None:
    told = malformed(look(look(probing(story), 5, "start", []), 6, "later", [S1]), 10, "r1", 400, 1001)
    assert not told.judge(INPUT).findings


def intent(told: Any, at: float) -> Any:
    return told.tell(at, "intent", "pi_1", source=LEDGER, actor="stripe", state="requires_payment_method")


def test_an_intent_at_stripe_is_found_from_outside(story: Told) -> None:
    told = intent(malformed(probing(story), 10, "r1", 400, 1001), 10)
    assert "Stripe was asked for pi_1" in only(outside(told, "ledger"), INPUT).proof


def test_an_intent_that_another_request_may_have_made_is_not(story: Told) -> None:
    told = malformed(probing(story), 10, "r1", 400, 1001).send(12, "r2").reply(13, "r2")
    assert not outside(intent(told, 10), "ledger").judge(INPUT).findings


def test_an_intent_of_another_time_is_not(story: Told) -> None:
    told = intent(malformed(probing(story), 10, "r1", 400, 1001), 40)
    assert not outside(told, "ledger").judge(INPUT).findings


def test_without_stripes_ledger_it_is_not_said_to_hold(story: Told) -> None:
    told = malformed(probing(story), 10, "r1", 400, 1001)
    judgement = outside(told, "list_subscriptions").judge(INPUT)
    assert not judgement.findings
    assert "ledger was not read" in (judgement.undecided or "")
    assert outside(told, "ledger").judge(INPUT).undecided is None


def test_accepted_requests_leave_something_of_course(story: Told) -> None:
    told = malformed(probing(story), 10, "r1", 200).state(10.2, "s1", "AwaitingPayment")
    assert not list(left_behind(told.history(), list(trials(told.history(), "malformed"))))


# --- batch-is-atomic ------------------------------------------------------------------------------------------------

LINES = [{"rate_plan": {"id": "images"}}, {"rate_plan": {"id": "no_such_plan"}}, {"rate_plan": {"id": "d1"}}]


def bad_batch(told: Any, status: int | None, code: int | None = None, errors: list[str] | None = None) -> Any:
    about = {"tries": "batch", "bad_line": 1, "lines": 3, "wrong": "an unknown plan", "told": "no_such_plan"}
    told.send(10, "r1", probe=about, body={"subscriptions": LINES, "user_is_on_session": True})
    return told.reply(11, "r1", status=status, code=code, detail={"errors": errors} if errors is not None else None)


@pytest.mark.parametrize(
    "message", ["subscriptions[1].rate_plan.id: unknown", "line 2 is not valid", "'no_such_plan' is no plan"]
)
def test_a_batch_that_is_refused_by_its_line_is_fine(story: Told, message: str) -> None:
    judgement = bad_batch(probing(story), 400, 1001, [message]).judge(BATCH)
    assert judgement.checks == 1
    assert not judgement.findings


def test_a_batch_with_a_bad_line_that_is_accepted_is_found(story: Told) -> None:
    told = bad_batch(probing(story), 200)
    told.show(11, "s1", "r1", "AwaitingPayment", 500).show(11, "s2", "r1", "AwaitingPayment", 500)
    finding = only(told, BATCH)
    assert "line 1 of 3 was accepted, and made s1 and s2" in finding.proof


def test_a_batch_that_is_refused_for_something_else_is_found(story: Told) -> None:
    assert "402, code 1210, where 400" in only(bad_batch(probing(story), 402, 1210), BATCH).proof


@pytest.mark.parametrize("message", ["a line is not valid", "3 lines, one of them bad", ""])
def test_a_refusal_that_does_not_name_the_line_is_found(story: Told, message: str) -> None:
    told = bad_batch(probing(story), 400, 1001, [message])
    assert "without naming the line" in only(told, BATCH).proof


def test_a_line_of_a_refused_batch_that_was_made_is_found(story: Told) -> None:
    told = bad_batch(probing(story), 400, 1001, ["subscriptions[1]"]).state(10.3, "s1", "AwaitingPayment")
    finding = only(told, BATCH)
    assert finding.tier == "batch"
    assert "subscription s1 had been made" in finding.proof


@pytest.mark.parametrize("status", [None, 503])
def test_a_batch_without_a_definite_answer_is_undecided(story: Told, status: int | None) -> None:
    judgement = bad_batch(probing(story), status).judge(BATCH)
    assert not judgement.findings
    assert "not answered for" in (judgement.undecided or "")


def good_batch(told: Any, *shown: str) -> Any:
    lines = [{"rate_plan": {"id": "images"}, "frequency": "monthly"}, {"rate_plan": {"id": "d1"}}]
    told.begin().send(10, "r1", body={"subscriptions": lines, "user_is_on_session": True}).reply(11, "r1")
    for name in shown:
        told.show(11, name, "r1", "AwaitingPayment", 500)
    return told


def test_an_accepted_batch_has_all_of_its_lines(story: Told) -> None:
    judgement = good_batch(story(), "s1", "s2").judge(BATCH)
    assert judgement.checks == 1
    assert not judgement.findings


def test_a_batch_that_is_accepted_in_part_is_found(story: Told) -> None:
    assert "accepted 2 different lines" in only(good_batch(story(), "s1"), BATCH).proof


def test_one_line_is_no_batch(story: Told) -> None:
    assert story().plain().judge(BATCH).checks == 0


# --- envelope-conforms ----------------------------------------------------------------------------------------------


def test_answers_that_fit_are_counted(story: Told) -> None:
    told = story().plain().tell(11, "inspected", "r1", source=OBSERVED, state="fits", operation="bulk_create")
    judgement = told.judge(ENVELOPE)
    assert judgement.checks == 1
    assert not judgement.findings


def test_an_answer_that_does_not_fit_is_found(story: Told) -> None:
    what = {"what": "success is missing"}
    told = story().plain().tell(11, "inspected", "r1", source=OBSERVED, state="misfit", status=200, detail=what)
    finding = only(told, ENVELOPE)
    assert "success is missing" in finding.proof
    assert [fact.kind for fact in finding.facts] == ["request", "answer", "inspected"]


def test_a_leak_is_another_propertys_affair(story: Told) -> None:
    told = story().plain().tell(11, "inspected", "r1", source=OBSERVED, state="leak", detail={"what": "a key"})
    judgement = told.judge(ENVELOPE)
    assert judgement.checks == 1
    assert not judgement.findings


def test_answers_that_nobody_looked_at_are_no_evidence(story: Told) -> None:
    assert story().plain().judge(ENVELOPE).checks == 0


# --- rate-limit-told ------------------------------------------------------------------------------------------------


def limited(told: Any, at: float = 50, code: int | None = 971, **detail: Any) -> Any:
    told.send(at, "r9", "entitlements", probe={"tries": "rate-limit", "step": "asks"})
    return told.reply(at + 0.1, "r9", "entitlements", 429, code=code, detail={"retry_after": "300", **detail})


def test_a_limit_that_is_told_is_fine(story: Told) -> None:
    judgement = limited(probing(story, "rate-limit")).judge(LIMIT)
    assert judgement.checks == 1
    assert not judgement.findings


@pytest.mark.parametrize("told_as", ["1", " 30 ", "Fri, 20 Nov 2026 21:00:00 GMT"])
def test_both_forms_of_retry_after_are_fine(story: Told, told_as: str) -> None:
    assert not limited(probing(story, "rate-limit"), retry_after=told_as).judge(LIMIT).findings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"retry_after": None}, "without Retry-After"),
        ({"retry_after": "soon"}, "neither seconds nor a date"),
        ({"retry_after": "-5"}, "neither seconds nor a date"),
        ({"code": None}, "no code, where 971 is due"),
        ({"code": 1000}, "code 1000, where 971 is due"),
    ],
)
def test_a_limit_that_is_not_told_is_found(story: Told, wrong: dict[str, Any], said: str) -> None:
    assert said in only(limited(probing(story, "rate-limit"), **wrong), LIMIT).proof


def test_what_was_not_kept_of_a_429_accuses_nobody(story: Told) -> None:
    told = limited(probing(story, "rate-limit")).alter("answer", {"subject": "r9"}, detail=None)
    assert not told.judge(LIMIT).findings


def polled(told: Any) -> Any:
    return told.send(60, "r3", "entitlements").reply(60.2, "r3", "entitlements", 429, code=971)


def test_polling_that_meets_no_limit_is_a_check(story: Told) -> None:
    judgement = story().plain().judge(LIMIT)
    assert judgement.checks == 1
    assert not judgement.findings


def test_polling_that_meets_the_limit_is_found(story: Told) -> None:
    assert "its own polling" in only(polled(story().plain()), LIMIT).proof


def test_polling_beside_faults_accuses_nobody(story: Told) -> None:
    assert not polled(story(faulty=True).plain()).judge(LIMIT).findings


def again(told: Any, status: int | None, code: int | None = None) -> Any:
    told.send(400, "r10", probe={"tries": "rate-limit", "step": "again"})
    detail = {"retry_after": "300"} if status == 429 else None
    return told.reply(401, "r10", status=status, code=code, detail=detail)


def test_a_purchase_after_the_limit_goes_through(story: Told) -> None:
    judgement = again(limited(probing(story, "rate-limit")), 200).judge(LIMIT)
    assert judgement.checks == 2
    assert not judgement.findings


def test_a_purchase_that_is_lost_to_the_limit_is_found(story: Told) -> None:
    assert "the purchase is lost" in only(again(limited(probing(story, "rate-limit")), 429, 971), LIMIT).proof
    assert "used up its key" in only(again(limited(probing(story, "rate-limit")), 409, 1230), LIMIT).proof


def test_a_limit_out_of_reach_is_undecided(story: Told) -> None:
    told = probing(story, "rate-limit")
    told.tell(10, "unreachable", "rate-limit", source=OBSERVED, detail={"reason": "nobody says how low it is"})
    assert told.judge(LIMIT).undecided == "rate-limit could not be tried: nobody says how low it is"


# --- idempotency-honoured: what only probes try ---------------------------------------------------------------------


def keyed(told: Any, at: float, request: str, key: str, status: int | None, *shown: str, **more: Any) -> Any:
    code = more.pop("code", None)
    told.send(at, request, idempotency_key=key, probe={"tries": "repeats"}, **more).reply(
        at + 0.5, request, status=status, code=code
    )
    for name in shown:
        told.show(at + 0.5, name, request, "AwaitingPayment", 500)
    return told


def test_a_key_that_was_never_used_and_is_refused_is_found(story: Told) -> None:
    told = settled(keyed(probing(story, "repeats"), 10, "r1", "k1", 409, code=1230))
    assert "never used before" in only(told, REPEATS).proof


def test_a_key_that_may_have_been_used_is_not(story: Told) -> None:
    told = keyed(probing(story, "repeats"), 10, "r1", "k1", None)
    assert not settled(keyed(told, 20, "r2", "k1", 409, code=1230)).judge(REPEATS).findings


def errors_kept(told: Any, passed_at: float | None = 30) -> Any:
    for at, request in ((10, "r1"), (20, "r2"), (40, "r4"), (50, "r5")):
        keyed(told, at, request, "k1", 503, code=1232)
    if passed_at is not None:
        keyed(told, passed_at, "r3", "k2", 200, "s1")
    return settled(told)


def test_a_server_error_that_is_kept_is_found(story: Told) -> None:
    finding = only(errors_kept(probing(story, "repeats")), REPEATS)
    assert "was kept as the answer" in finding.proof
    assert "2 times since" in finding.proof


def test_server_errors_while_nothing_passes_are_bad_luck(story: Told) -> None:
    assert not errors_kept(probing(story, "repeats"), None).judge(REPEATS).findings
    assert not errors_kept(probing(story, "repeats"), 45).judge(REPEATS).findings


def test_a_server_error_that_passes_is_not_kept(story: Told) -> None:
    told = keyed(probing(story, "repeats"), 10, "r1", "k1", 503, code=1232)
    assert not settled(keyed(told, 20, "r2", "k1", 200, "s1")).judge(REPEATS).findings


def repeated(told: Any, *afterwards: str) -> Any:
    """A purchase that got no answer, its repeat that got one, and what the account has then."""
    look(told, 5, "before", [{"id": "s0"}])
    keyed(keyed(told, 10, "r1", "k1", None), 20, "r2", "k1", 200, "s1")
    return settled(look(told, 30, "after", [{"id": name} for name in ("s0", *afterwards)]))


def test_one_key_makes_what_it_was_answered_with(story: Told) -> None:
    assert not repeated(probing(story, "repeats"), "s1").judge(REPEATS).findings


def test_a_second_purchase_behind_a_lost_answer_is_found(story: Told) -> None:
    finding = only(repeated(probing(story, "repeats"), "s1", "s2"), REPEATS)
    assert "the account also has s2" in finding.proof
    assert finding.tier == "batch"


def test_an_answer_to_somebody_elses_key_is_found(story: Told) -> None:
    assert "somebody else's key" in only(repeated(probing(story, "repeats")), REPEATS).proof


def test_readings_around_two_keys_prove_nothing(story: Told) -> None:
    told = look(probing(story, "repeats"), 5, "before", [])
    keyed(keyed(told, 10, "r1", "k1", 200, "s1"), 20, "r2", "k2", 200, "s2")
    assert not settled(look(told, 30, "after", [{"id": "s3"}])).judge(REPEATS).findings
