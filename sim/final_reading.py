"""The last reading of the stores, once nothing more can happen to an account: what the batch tier judges by."""

from __future__ import annotations

from sim.facts import EXACT, Journal
from sim.stripe import Stripe
from sim.subscriptions_api import SubscriptionsApi


def note_final_reading(journal: Journal, account_id: str, api: SubscriptionsApi, stripe: Stripe) -> None:
    """Note what subscriptions-api and Stripe say of the account now: facts of the kinds `final_…`, by the world."""
    note = journal.note
    for kind, subject, related, state, amount_minor, detail in api.snapshot(account_id):
        if kind == "final_payment_method" and detail["type"] is None:
            # Events name what paid without describing it: as in GET /payment-methods, Stripe does.
            detail["type"] = stripe.type_of_payment_method(subject)
        note(account_id, EXACT, "world", kind, subject, related, None, state, None, None, amount_minor, detail)
    for intent in stripe.intents_of(account_id):
        detail = {
            "subscription_ids": intent["subscription_ids"],
            "amount_received": intent["amount_received"],
            "amount_refunded": intent["amount_refunded"],
        }
        status, amount_minor = intent["status"], intent["amount"]
        note(
            account_id,
            EXACT,
            "world",
            "final_intent",
            intent["id"],
            intent["customer"],
            None,
            status,
            None,
            None,
            amount_minor,
            detail,
        )
