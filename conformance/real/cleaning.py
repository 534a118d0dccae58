"""Cleaning up: whatever the journal still holds is deleted, and told, as often as one likes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from conformance.over_http.client import HttpClient, HttpxClient
from conformance.real.accounts import account_again, accounts_of
from conformance.real.accounts_journal import AccountsJournal, MadeAccount
from conformance.real.credentials import Credentials
from conformance.real.deployment import Deployment, SetUpFailed
from conformance.real.guarded_client import GuardedClient
from conformance.real.interlock import check_static
from conformance.real.profile import journal_path
from conformance.real.stripe_api import NotPermitted, StripeApi

_PAYABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")


@dataclass(slots=True)
class Cleaned:
    """What was done, and what could not be: lines for a person."""

    done: list[str] = field(default_factory=list)
    not_done: list[str] = field(default_factory=list)


async def clean(credentials: Credentials, path: Path, client: Callable[[], HttpClient] = HttpxClient) -> Cleaned:
    """Delete every account of the profile's journal. Raises Refused, SetUpFailed, JournalInUse, DamagedJournal."""
    check_static(credentials)
    cleaned = Cleaned()
    with AccountsJournal(journal_path(credentials.profile, path)) as journal:
        if not journal.left:
            return cleaned
        guarded = GuardedClient(client(), credentials.profile)
        try:
            deployment = Deployment(credentials, guarded)
            await deployment.check_marker()
            for left in journal.left:
                await _clean_one(deployment, journal, left, cleaned)
        finally:
            await guarded.close()
    return cleaned


async def _clean_one(deployment: Deployment, journal: AccountsJournal, left: MadeAccount, cleaned: Cleaned) -> None:
    if left.account_id is None:
        cleaned.not_done.append(
            f"{left.reference}: an account was asked for and no answer came; it may exist, and its id is not known: "
            "look for an account without a use that was made then"
        )
        journal.gone(left.reference)
        return
    try:
        if left.stripe_customer is not None and deployment.profile.stripe.tidy:
            await _tidy_stripe(deployment, left.stripe_customer, cleaned)
        await accounts_of(deployment, journal).give_back(account_again(deployment, left))
    except (SetUpFailed, NotPermitted) as error:
        cleaned.not_done.append(f"account {left.account_id}: {error}")
        return
    how = "what was bought with it is cancelled" if left.pooled else "deleted"
    cleaned.done.append(f"account {left.account_id}: {how}")


async def _tidy_stripe(deployment: Deployment, customer: str, cleaned: Cleaned) -> None:
    """Cancel the customer's intents that can still be paid, and detach its payment methods."""
    stripe = StripeApi(deployment)
    for collection in ("payment_intents", "setup_intents"):
        for intent in await stripe.listed(f"/v1/{collection}", {"customer": customer}):
            if intent.get("status") in _PAYABLE:
                await stripe.post(f"/v1/{collection}/{quote(str(intent['id']), safe='')}/cancel", {})
                cleaned.done.append(f"intent {intent['id']}: cancelled")
    for method in await stripe.listed(f"/v1/customers/{quote(customer, safe='')}/payment_methods"):
        await stripe.post(f"/v1/payment_methods/{quote(str(method['id']), safe='')}/detach", {})
        cleaned.done.append(f"payment method {method['id']}: detached")
