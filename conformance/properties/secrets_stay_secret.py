"""secrets-stay-secret: no answer holds what is somebody else's secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from conformance.finding import Finding
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock
from conformance.subscription_timeline import member
from sim.facts import Fact

_IN_ADDRESS: Final = re.compile(
    r"(?:pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9]|(?:sk|rk)_(?:test|live)_[A-Za-z0-9]|whsec_"
)


def judge(history: History) -> Judgement:
    """Every answer that was inspected; and the addresses that were asked, for addresses are kept."""
    findings = [_leaked(history, fact) for fact in history.of("inspected") if fact.state == "leak"]
    findings.extend(_in_addresses(history))
    return conclude(len({fact.subject for fact in history.of("inspected")}), findings)


def _leaked(history: History, fact: Fact) -> Finding:
    answer = next((one for one in history.of("answer") if one.subject == fact.subject), None)
    proof = (
        f"At {clock(fact.time_us)} the answer to {fact.operation} (request {fact.subject}, status {fact.status}) gave "
        f"account {history.account} {member(fact, 'what') or 'what it may not see'}."
    )
    request = next((one for one in history.of("request") if one.subject == fact.subject), None)
    return PROPERTY.finding(history, "inline", fact.time_us, proof, [request, answer, fact])


def _in_addresses(history: History) -> Iterable[Finding]:
    """Whatever stands in an address stands in logs, in histories of browsers, and with whoever is linked to."""
    for fact in history.of("request"):
        path = member(fact, "path")
        if type(path) is str and _IN_ADDRESS.search(path):
            proof = (
                f"At {clock(fact.time_us)} {fact.actor} asked for {fact.operation} (request {fact.subject}) at an "
                "address with a secret in it; addresses are logged."
            )
            yield PROPERTY.finding(history, "batch", fact.time_us, proof, [fact])


PROPERTY = Property(
    id="secrets-stay-secret",
    tiers=("inline", "batch"),
    severity="critical",
    title="Secrets stay secret",
    statement=(
        "No client secret, key, token or card number is in an answer to anybody but its owner, nor in an address that "
        "is kept."
    ),
    why=(
        "A client secret lets its holder see and confirm a payment; a key opens the whole Stripe account; a token is "
        "the customer. They leak through errors, lists and debugging aids that nobody looks at."
    ),
    evidence=(
        "`inspected` facts, one or more for each answer to a watchful or probing customer: `leak` where it held "
        "another account's secret or token, a secret key, a token that the request did not bring, or a card number."
    ),
    example="The answer to profile_get (request r4, status 200) gave account a a secret key of Stripe's (sk_test_…).",
    magnitude="one for each leak",
    needs=("inspected",),
    function=judge,
)
