"""Undoing what `legacy` granted before it was paid: a request of its own, which can fail like any other."""

from __future__ import annotations

from sim.effects import Call, Program
from sim.messages import Answer, Request
from sim.store import Account, Purchase
from sim.subscriptions_api.envelope import success
from sim.subscriptions_api.ledger import API, Ledger


class RollBack:
    """What is to be undone. Not a mapping, so that no request from outside can ever ask for it.

    Whoever asks holds the account's lock.
    """

    __slots__ = ("account", "purchase", "why")

    def __init__(self, account: Account, purchase: Purchase, why: str) -> None:
        self.account = account
        self.purchase = purchase
        self.why = why


def ask_for_rollback(ledger: Ledger, account: Account, purchase: Purchase, why: str, actor: str) -> Program[None]:
    """Have the grants of an unpaid purchase undone; if that fails they stay, and a fact says so."""
    request = Request("POST", "/internal/rollback", RollBack(account, purchase, why), operation="rollback")
    answer: Answer = yield Call("subscriptions-api", request)
    if answer.status != 200:
        reason = f"HTTP {answer.status}" if answer.status else "no answer"
        ledger.rollback_fact(account, purchase, "failed", reason, actor)


def roll_back(ledger: Ledger, asked: RollBack) -> Answer:
    """Undo it."""
    ledger.take_back(asked.account, asked.purchase, API)
    ledger.rollback_fact(asked.account, asked.purchase, "undone", asked.why, API)
    return success(None)
