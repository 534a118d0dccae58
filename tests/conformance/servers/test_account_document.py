"""Accounts as documents: nothing is lost, nothing is changed, and the deployment runs on them as on the accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import sim.deployment
from conformance.servers import account_document
from conformance.servers.account_document import AS_THEY_ARE, BY_HAND, DocumentError, dumped, loaded
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_label, variants
from sim.deployment import SimulatedDeployment
from sim.facts import Fact
from sim.messages import Answer
from sim.store import Account, KeptAnswer, MemoryStore, Purchase, Subscription

CUSTOMERS = 4
VARIANTS = variants(read_scenarios([]), None, CUSTOMERS)


def assert_same(one: Any, other: Any, partners: dict[int, int], path: str) -> None:
    """Equal in every part, of the same types and in the same order; what one shares, the other shares likewise."""
    assert one.__class__ is other.__class__, path
    if isinstance(one, dict):
        assert list(one) == list(other), path
        for key in one:
            assert_same(one[key], other[key], partners, f"{path}[{key!r}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), path
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, partners, f"{path}[{place}]")
    elif hasattr(one, "__slots__"):
        assert partners.setdefault(id(one), id(other)) == id(other), f"{path}: shared in one, not in the other"
        for name in one.__slots__:
            assert_same(getattr(one, name), getattr(other, name), partners, f"{path}.{name}")
    else:
        assert one == other, path


class DocumentStore(MemoryStore):
    """Keeps documents: every reader loads an account of its own, and what is not saved is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, str] = {}
        self.account = self._load

    def _load(self, account_id: str) -> Account | None:
        document = self.documents.get(account_id)
        return None if document is None else loaded(document)

    def add(self, account: Account) -> None:
        super().add(account)
        self.save(account)

    def save(self, account: Account) -> None:
        document = dumped(account)
        again = loaded(document)
        assert_same(account, again, {}, "account")
        assert_same(again, account, {}, "account")
        assert dumped(again) == document
        self.documents[account.id] = document

    def forget(self, account_id: str) -> None:
        super().forget(account_id)
        self.documents.pop(account_id, None)


def facts_of(variant: Variant) -> Iterator[tuple[int, list[Fact]]]:
    histories: list[tuple[int, list[Fact]]] = []
    SimulatedDeployment(variant, 1).run(
        range(variant.scenario.customers.count),
        lambda number, account, facts: histories.append((number, list(facts))),
    )
    return iter(histories)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: f"{one.scenario.name} {variant_label(one)}")
def test_a_deployment_that_keeps_documents_does_what_one_that_keeps_accounts_does(
    variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_in_memory = facts_of(variant)
    monkeypatch.setattr(sim.deployment, "MemoryStore", DocumentStore)
    for (number, expected), (_, found) in zip(kept_in_memory, facts_of(variant), strict=True):
        assert found == expected, f"customer {number}"


# What the library's customers leave out: each thing on its own.


def bare() -> Account:
    return Account("acct00000001", 1, "cus_1", "tok_1", 5)


def kept_and_read_again(account: Account) -> Account:
    again = loaded(dumped(account))
    assert_same(account, again, {}, "account")
    return again


def test_one_purchase_under_many_names_stays_one() -> None:
    account = bare()
    purchase = Purchase("p1-1", "lines", "create", ["s1-1"], 500, (("pro", "z1-1", "monthly", 1, 500),), 7)
    for named in (account.purchases, account.open_purchases, account.unanswered_purchases):
        named["p1-1"] = purchase
    account.intents["pi_1"] = account.intents["pi_2"] = purchase
    again = kept_and_read_again(account)
    assert again.intents["pi_2"] is again.open_purchases["p1-1"] is again.purchases["p1-1"]


def test_a_purchase_that_only_an_intent_names_is_kept() -> None:
    account = bare()
    account.intents["pi_1"] = Purchase("p1-1", "bad_debt", "pay_bad_debt", [], 500, ("debt", ("a", (1, "b"))), 7)
    again = kept_and_read_again(account)
    assert again.purchases == {}
    assert again.intents["pi_1"].signature == ("debt", ("a", (1, "b")))


def test_a_draft_is_kept() -> None:
    account = bare()
    purchase = Purchase("p1-1", "lines", "create", ["s1-1"], 500, (), 7)
    purchase.draft = [Subscription("s1-1", "pro", "monthly", None, 1, 500, 7, "p1-1")]
    account.purchases["p1-1"] = purchase
    kept_and_read_again(account)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\x00 no JSON",
        {"quantity": 10**40, "nothing": None, "b": 1, "a": [1.5, True, 1]},
        {"name": "\ud800 \x00 Zoë 日本"},
        "text",
        None,
        [],
    ],
)
def test_whatever_a_customer_sent_is_kept_word_for_word(body: Any) -> None:
    account = bare()
    account.kept_answers["key \x00 \ud800"] = KeptAnswer("create", "", body, Answer(400, {"result": None}, {"a": "b"}))
    kept_and_read_again(account)


def test_a_document_is_ascii_without_nul_so_that_any_database_takes_it() -> None:
    account = bare()
    account.profile["name"] = "Zoë \x00 \ud800"
    document = dumped(account)
    assert document.isascii()
    assert "\x00" not in document


@pytest.mark.parametrize("kind", [kind for kind in AS_THEY_ARE if kind.__module__ == "sim.store"])
def test_every_attribute_is_treated(kind: type) -> None:
    slots: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    treated = (*AS_THEY_ARE[kind], *BY_HAND.get(kind, ()))
    assert sorted(treated) == sorted(slots), f"conformance/servers/account_document.py has to treat {kind.__name__}"


def test_every_class_of_the_store_is_treated() -> None:
    others = {MemoryStore}
    kinds = {kind for kind in vars(sim.store).values() if isinstance(kind, type) and "__slots__" in vars(kind)}
    assert {kind for kind in kinds if kind.__module__ == "sim.store"} - others <= set(AS_THEY_ARE)
    assert set(Answer.__slots__) == set(AS_THEY_ARE[Answer])


@pytest.mark.parametrize(
    "change",
    [
        {"format": account_document.FORMAT + 1},
        {"format": None},
        {"token": ...},
        {"all_purchases": 7},
        {"open_purchases": {"p": 99}},
        {"zones": {"z": {}}},
    ],
    ids=str,
)
def test_a_document_of_another_version_is_refused_with_the_way_out(change: Mapping[str, Any]) -> None:
    document = {**json.loads(dumped(bare())), **change}
    text = json.dumps({key: value for key, value in document.items() if value is not ...})
    with pytest.raises(DocumentError, match="written by another version of Gatefall: use that version"):
        loaded(text)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", "{"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        loaded(text)
