"""What a person reads of a finding, as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.proof import told, told_of

Told = Callable[..., Any]
FINDING_AS_TOLD = Path(__file__).with_name("finding_as_told.txt")


def early(story: Told) -> Any:
    """A grant two seconds before its payment, seen after a fault."""
    tale = story().plain().alter("entitlement", {"source": "exact"}, at=37.5)
    line = {"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}
    body = {"subscriptions": [line], "user_is_on_session": True}
    sent = {"method": "POST", "path": "/api/v4/bulk/subscriptions", "body": body, "idempotency_key": "k1"}
    tale.alter("request", {"subject": "r1"}, detail=sent)
    return tale.tell(12, "fault", "stripe", operation="create_payment_intent", state="latency")


def test_a_finding_is_told_as_an_argument_with_its_facts_and_requests(story: Told) -> None:
    tale = early(story)
    (finding,) = tale.judge("no-entitlement-without-payment").findings
    assert told(finding, tale.history()) == FINDING_AS_TOLD.read_text("utf-8").removesuffix("\n")


def test_without_the_history_the_facts_of_the_finding_have_to_do(story: Told) -> None:
    tale = early(story)
    (finding,) = tale.judge("no-entitlement-without-payment").findings
    text = told_of(finding, ())
    assert "therefore it was granted without payment." in " ".join(text.split())
    assert "curl" not in text


def test_faults_after_the_proof_are_not_blamed(story: Told) -> None:
    tale = early(story).tell(50, "fault", "gateway", operation="create", state="drop_answer")
    (finding,) = tale.judge("no-entitlement-without-payment").findings
    assert "drop answer" not in told(finding, tale.history())
