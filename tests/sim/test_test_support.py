"""Test support: accounts in any state, settings, the clock."""

from __future__ import annotations

import pytest

from sim.effects import Call
from sim.facts import Journal
from sim.messages import Request
from sim.test_support import TestSupport

PRO = {"rate_plan": {"id": "zone_pro"}, "frequency": "yearly", "zone_id": "z-mine"}


def ask(backend, method, path, body=None):
    return backend.call("test-support", Request(method, path, body))


def test_an_account_is_made_as_asked_and_its_facts_say_so(backend):
    answer = ask(
        backend,
        "POST",
        "/__test__/accounts",
        {"payment_method": "valid", "subscriptions": [PRO], "account_id": "acct00000042", "zones": ["b.example.com"]},
    )
    assert answer.status == 201
    assert answer.body["account_id"] == "acct00000042"
    assert [zone["status"] for zone in answer.body["zones"]] == ["pending", "pending"]
    facts = [fact for fact in backend.journal.open("acct00000042") if fact.actor == "subscriptions-api"]
    assert {fact.kind for fact in facts} == {
        "zone",
        "subscription",
        "plan",
        "entitlement",
        "invoice",
        "account_payment_method",
    }
    assert all(fact.detail["at_start"] for fact in facts)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"payment_method": "gold"}, "payment_method"),
        ({"bad_debt": 0}, "bad_debt"),
        ({"bad_debt": 49}, "bad_debt"),
        ({"bad_debt": 100_000_000}, "bad_debt"),
        ({"bad_debt": "500"}, "bad_debt"),
        ({"locked": "yes"}, "locked"),
        ({"country": "Germany"}, "country"),
        ({"country": "1!"}, "country"),
        ({"account_id": "me"}, "account_id"),
        ({"account_id": "acct1"}, "account_id"),
        ({"subscriptions": [{}]}, "subscriptions[0]"),
        ({"subscriptions": 0}, "subscriptions"),
        ({"zones": ""}, "zones"),
        ({"zones": {}, "subscriptions": []}, "zones"),
        ({"zones": [""]}, "zones[0]"),
    ],
)
def test_an_account_that_cannot_be_made_is_refused_by_field(backend, refusal_of, body, named):
    answer = ask(backend, "POST", "/__test__/accounts", body)
    assert refusal_of(answer) == (400, 1001)
    assert answer.body["errors"][0]["message"].startswith(named)


def test_an_id_is_given_once(backend, refusal_of):
    backend.shopper(account_id="acct00000007")
    assert refusal_of(ask(backend, "POST", "/__test__/accounts", {"account_id": "acct00000007"})) == (400, 1001)
    assert backend.shopper().account_id == "acct00000008"


def ask_both(backend, one, other):
    """Two requests side by side, while Stripe takes its time."""
    backend.fault("latency", "stripe", delay=1_000_000)

    def asking(request):
        return (yield Call("test-support", request))

    return backend.run(asking(one), asking(other))


def test_an_id_that_two_want_at_once_is_given_once(backend):
    wanted = Request("POST", "/__test__/accounts", {"account_id": "acct00000007"})
    assert [answer.status for answer in ask_both(backend, wanted, wanted)] == [201, 400]


def test_an_account_that_two_delete_at_once_is_deleted_once(backend):
    deletion = Request("DELETE", f"/__test__/accounts/{backend.shopper().account_id}")
    assert [answer.status for answer in ask_both(backend, deletion, deletion)] == [200, 404]


def test_a_deleted_account_is_gone(backend, refusal_of):
    shopper = backend.shopper("valid")
    assert ask(backend, "DELETE", f"/__test__/accounts/{shopper.account_id}").status == 200
    assert refusal_of(shopper.ask("GET", "/subscriptions")) == (401, 10000)
    assert ask(backend, "DELETE", f"/__test__/accounts/{shopper.account_id}").status == 404


def test_settings_are_shown_and_changed(backend, refusal_of):
    wanted = {"phase": 0, "regime": "act-1", "gates": {"pm-gate": False}, "rate_limit": 9}
    assert ask(backend, "PUT", "/__test__/config", wanted).body == wanted
    assert ask(backend, "GET", "/__test__/config").body == wanted
    for body in ({"phase": 7}, {"regime": "other"}, {"gates": {"a": 1}}, {"rate_limit": 0}, {"phase": "2"}):
        assert refusal_of(ask(backend, "PUT", "/__test__/config", body)) == (400, 1001)
    assert ask(backend, "GET", "/__test__/config").body == wanted


def test_the_clock_moves_only_where_there_is_one(backend, refusal_of):
    assert refusal_of(ask(backend, "POST", "/__test__/clock", {"advance_seconds": 60})) == (404, 7003)
    moved = []
    journal = Journal(backend.clock)
    support = TestSupport(backend.config, backend.store, backend.clock, journal, moved.append)
    backend.world.services["test-support"] = support
    assert ask(backend, "POST", "/__test__/clock", {"advance_seconds": 60}).status == 200
    assert refusal_of(ask(backend, "POST", "/__test__/clock", {"advance_seconds": -1})) == (400, 1001)
    assert moved == [60]


def test_the_same_account_is_the_same_whatever_others_do(make_backend):
    ids = []
    for others in (0, 3):
        backend = make_backend()
        for number in range(others):
            backend.shopper("valid", account_id=f"acct{number + 100:08d}").buy("workers_paid")
        shopper = backend.shopper("valid", account_id="acct00000005")
        shopper.buy("workers_paid")
        ids.append(
            (shopper.token, shopper.customer, sorted(shopper.states()), [item["id"] for item in shopper.intents()])
        )
    assert ids[0] == ids[1]


def test_the_final_reading_shows_the_books(backend):
    shopper = backend.shopper("valid", subscriptions=[PRO])
    shopper.buy("r2")
    rows = backend.api.snapshot(shopper.account_id)
    kinds = [row[0] for row in rows]
    assert kinds == ["final_subscription"] * 2 + ["final_entitlement"] * 2 + ["final_payment_method", "final_zone"]
    kind, subject, related, state, amount_minor, detail = rows[0]
    assert (kind, related, state, amount_minor) == ("final_subscription", None, "Provisioned", 24_000)
    assert detail == {"rate_plan": "zone_pro", "frequency": "yearly", "quantity": 1, "zone_id": "z-mine"}
    assert rows[-1][:4] == ("final_zone", "z-mine", subject, "pending")
    assert rows[-2][3] == "default"
    backend.api.forget(shopper.account_id)
    assert backend.api.snapshot(shopper.account_id) == []
    assert backend.store.account_id_of_token(shopper.token) is None
    assert backend.store.account_id_of_customer(shopper.customer) is None
