"""The servers do what the OpenAPI document says, under schemathesis: no answer from 500 on, whatever is sent.

Each campaign runs schemathesis as a program of its own against a live deployment, with the same examples every time.
It is told the ids that exist there, so that not everything ends in "no such id": the document that it gets is the
served one, narrowed to them. Whatever lies outside is still to be refused.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis

from conformance.servers.openapi import contract
from scenarios.catalogue import TLD_PRICES_MINOR
from tests.conformance.servers.live_deployment import LiveDeployment

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
)
CUSTOMERS = ("purchases", "payment methods", "account", "billing")
ROOT = Path(__file__).parents[3]
SIGNATURE_HOOK = Path(__file__).with_name("schemathesis_signature.py")
FUZZING = ("examples", "fuzzing")
ALL = ("examples", "coverage", "fuzzing", "stateful")
LONGEST_S = 400

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Campaign:
    """What is fuzzed, at which phase, for an account in which state."""

    phase: int
    account: Mapping[str, Any]
    tags: Sequence[str] = CUSTOMERS
    phases: Sequence[str] = FUZZING
    examples: int = 8
    mode: str = "all"
    """Whether what is sent fits: "positive", "negative", or "all" for both."""
    named: bool = False
    """Whether the account is named in the path."""
    regime: str = "continuation"
    checks: Sequence[str] = (*CHECKS, "ignored_auth")


SUBSCRIPTIONS = [
    {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly", "zone_id": "zone1"},
    {"rate_plan": {"id": "stream"}, "frequency": "monthly"},
]
CAMPAIGNS = {
    "everything": Campaign(2, {"payment_method": "valid", "subscriptions": SUBSCRIPTIONS}, phases=ALL, examples=12),
    "gate-enforced": Campaign(0, {"payment_method": "none", "subscriptions": SUBSCRIPTIONS}),
    "gate-softened": Campaign(1, {"payment_method": "expired", "zones": ["example.com"]}, examples=5),
    "gate-gone-challenges": Campaign(
        6, {"payment_method": "requires_authentication", "subscriptions": SUBSCRIPTIONS}, phases=(*FUZZING, "stateful")
    ),
    "declining": Campaign(2, {"payment_method": "declining", "subscriptions": SUBSCRIPTIONS}, examples=5),
    "paypal-legacy": Campaign(2, {"payment_method": "paypal"}, ("purchases",), regime="legacy"),
    "best-effort": Campaign(2, {"payment_method": "valid"}, ("purchases",), regime="act-1", examples=5),
    "debtor": Campaign(2, {"payment_method": "valid", "bad_debt": 1250}, ("purchases", "billing"), examples=5),
    "locked": Campaign(2, {"payment_method": "valid", "locked": True}, ("purchases", "account"), examples=3),
    "banned": Campaign(2, {"payment_method": "valid", "banned": True}, ("purchases", "billing"), examples=3),
    "named": Campaign(2, {"payment_method": "valid", "subscriptions": SUBSCRIPTIONS}, named=True, examples=4),
    "administration": Campaign(2, {"payment_method": "valid"}, ("administration",), (*FUZZING, "coverage")),
    "test-support": Campaign(2, {}, ("test support",), (*FUZZING, "coverage"), checks=CHECKS),
    "stripe-events": Campaign(
        2, {"payment_method": "valid"}, ("stripe",), ("fuzzing",), 150, "positive", checks=CHECKS
    ),
    "no-stripe-events": Campaign(2, {}, ("stripe",), ("coverage", "fuzzing"), 100, "negative", checks=CHECKS),
}


def narrowed(campaign: Campaign, deployment: LiveDeployment, account: Mapping[str, Any]) -> dict[str, Any]:
    """The served document, knowing what exists in this account."""
    document = copy.deepcopy(orjson.loads(deployment.ask("GET", "/openapi.json").content))
    schemas = document["components"]["schemas"]
    token = account["token"]
    zones = [zone["id"] for zone in account["zones"]]
    zones.append(deployment.ask("POST", "/api/v4/zones", {"name": "fuzzed.example"}, token).json()["result"]["id"])
    schemas["NewAccount"]["properties"]["subscriptions"]["items"] = copy.deepcopy(schemas["Line"])
    schemas["Line"]["properties"]["zone_id"] = {"enum": [None, *zones]}
    on_file = [row["id"] for row in deployment.ask("GET", "/api/v4/payment-methods", None, token).json()["result"]]
    usable = ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired", *on_file]
    schemas["PaymentMethodId"] = {"enum": [None, *usable]}
    schemas["NamedPaymentMethod"]["properties"]["payment_method_id"] = {"enum": usable}
    name = schemas["Domains"]["properties"]["domains"]["items"]["properties"]["name"]
    name["pattern"] = f"^[a-z]{{1,8}}[.]({'|'.join(TLD_PRICES_MINOR)})$"
    history = deployment.ask("GET", "/api/v4/billing/history", None, token).json()["result"]
    invoices = [invoice["id"] for invoice in history]
    schemas["DebtToPay"]["properties"]["invoice_id"] = {"enum": [*invoices, "in_unknown"]}
    document["components"]["parameters"]["account_id"]["schema"] = {"enum": [account["account_id"]]}
    identifiers = [item["id"] for item in account["subscriptions"]] + zones + invoices + on_file
    document["components"]["parameters"]["id"]["schema"] = {"enum": [*identifiers, "unknown"]}
    if campaign.mode == "positive":
        # Outside of this what nobody knows is no mistake: it is taken, and changes nothing.
        narrow_events(deployment, account, schemas)
    return document


def narrow_events(deployment: LiveDeployment, account: Mapping[str, Any], schemas: dict[str, Any]) -> None:
    """Events are about a payment that waits, one that nobody knows, or the account's payment method."""
    body = {"subscriptions": [{"rate_plan": {"id": "pages"}, "frequency": "monthly"}]}
    answer = deployment.ask("POST", "/api/v4/billing/pre_auth/stripe_payment_intent", body, account["token"]).json()
    known = [] if answer["result"] is None else [answer["result"]["client_secret"].partition("_secret_")[0]]
    schemas["Event"]["properties"]["type"] = {
        "enum": [
            "payment_intent.succeeded",
            "payment_intent.payment_failed",
            "payment_intent.canceled",
            "setup_intent.succeeded",
            "payment_method.attached",
            "payment_method.detached",
            "customer.created",
        ]
    }
    subject = schemas["Event"]["properties"]["data"]["properties"]["object"]
    subject["properties"] = {
        "id": {"enum": [*known, "pi_unknown", "seti_unknown", "pm_unknown"]},
        "customer": {"enum": [account["stripe_customer"], "cus_unknown", None]},
        "payment_method": {"enum": ["pm_unknown", None]},
        "amount_received": {"type": "integer", "minimum": 0, "maximum": 99_999_999},
        "metadata": {
            "type": ["object", "null"],
            "properties": {
                "account_id": {"enum": [account["account_id"], "acct99999999"]},
                "purchase_id": {"type": "string"},
            },
            "additionalProperties": {"type": "string"},
        },
    }


def configuration(deployment: LiveDeployment, account: Mapping[str, Any], signs: bool) -> str:
    """What schemathesis is told about credentials, as its TOML."""
    lines = ["generation.deterministic = true"]
    if signs:
        lines.append(f"hooks = {json.dumps(str(SIGNATURE_HOOK))}")
    else:
        lines += ["[auth.openapi.customer]", f"bearer = {json.dumps(account['token'])}"]
        lines += ["[auth.openapi.administrator]", f"api_key = {json.dumps(deployment.administrator())}"]
    return "\n".join(lines) + "\n"


def fuzzed(campaign: Campaign, deployment: LiveDeployment, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run schemathesis."""
    account = deployment.made(**campaign.account)
    folder.joinpath("openapi.json").write_text(json.dumps(narrowed(campaign, deployment, account)))
    signs = campaign.tags == ("stripe",)
    folder.joinpath("schemathesis.toml").write_text(configuration(deployment, account, signs))
    named = "--include-path-regex" if campaign.named else "--exclude-path-regex"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "openapi.json"]
    command += ["--url", deployment.service_url("billing-webhooks" if signs else "gateway")]
    command += ["--checks", ",".join(campaign.checks), "--phases", ",".join(campaign.phases)]
    command += ["--max-examples", str(campaign.examples), "--mode", campaign.mode]
    command += ["--continue-on-failure", "--no-color"]
    command += [named, "/api/v4/accounts/", "--suppress-health-check", "all"]
    for tag in campaign.tags:
        command += ["--include-tag", tag]
    surroundings = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WEBHOOK_SECRET": deployment.deployment.settings.webhook_secret,
    }
    return subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False, timeout=LONGEST_S
    )


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_schemathesis_finds_nothing(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    campaign = CAMPAIGNS[name]
    with LiveDeployment(phase=campaign.phase, regime=campaign.regime) as deployment:
        ended = fuzzed(campaign, deployment, tmp_path)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert deployment.ask("GET", "/healthz").status_code == 200
    broken = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert broken == []


def test_schemathesis_would_find_a_server_that_does_otherwise(tmp_path: Path) -> None:
    """The same campaign, and a document that promises what the server does not do."""
    campaign = Campaign(2, {}, ("account",), ("examples",), 1)
    with LiveDeployment() as deployment, pytest.MonkeyPatch.context() as patch:
        told = narrowed(campaign, deployment, deployment.made())
        told["components"]["schemas"]["Zone"]["required"].append("colour")
        patch.setattr(sys.modules[__name__], "narrowed", lambda *_: told)
        ended = fuzzed(campaign, deployment, tmp_path)
    assert ended.returncode == 1
    assert "'colour' is a required property" in ended.stdout or '"colour" is a required property' in ended.stdout


def test_who_asks_too_often_is_told_so_as_described() -> None:
    document = schemathesis.openapi.from_dict(copy.deepcopy(dict(contract())))
    with LiveDeployment(rate_limit=2) as deployment:
        token = deployment.made()["token"]
        answers = [deployment.ask("GET", "/api/v4/entitlements", None, token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    for answer in answers:
        document["/api/v4/entitlements"]["GET"].validate_response(answer)
