"""A stage for customers' programs: answers written by hand, virtual time, and the facts that were noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from scenarios.scenario import Customers, Scenario, Variant
from sim.customers import Population, Session, customer_program
from sim.effects import Call, Program, Spawn, Visit, Wait
from sim.facts import Fact, Journal
from sim.messages import UNKNOWN, Answer, Request
from sim.streams import Streams

Script = Callable[[Request], Answer]
ACCOUNT = "acct00000007"
EFFECTS_MAX = 5_000


def envelope(result: Any, messages: list[int] | None = None) -> Answer:
    noted = [{"code": code, "message": ""} for code in messages or []]
    return Answer(200, {"success": True, "errors": [], "messages": noted, "result": result})


def refusal(status: int, code: int, message: str = "no") -> Answer:
    error = {"code": code, "message": message}
    return Answer(status, {"success": False, "errors": [error], "messages": [], "result": None})


def subscription(number: int, plan: str, state: str = "AwaitingPayment") -> dict[str, Any]:
    return {
        "id": f"sub{number}",
        "rate_plan": {"id": plan},
        "frequency": "monthly",
        "price": 500,
        "currency": "usd",
        "state": state,
    }


class _Clock:
    now_us = 0


class Stage:
    """A small deployment by hand. `on` is what each operation answers; `gives` queues answers that come before."""

    def __init__(self, variant: Variant, seed: int, number: int) -> None:
        self.clock = _Clock()
        self.journal = Journal(self.clock)
        self.population = Population(variant)
        streams = Streams(seed, number)
        self.shopper = self.population.draw(streams)
        made = {"account_id": ACCOUNT, "token": "t", "zones": [{"id": "zone1"}]}
        self.session = Session.of_account(made, self.clock, self.journal, streams, self.population)
        self.sent: list[Request] = []
        self.visits: list[tuple[str, str]] = []
        self.queued: dict[str, list[Answer]] = {}
        self.bought: list[dict[str, Any]] = []
        self.status: dict[str, str] = {}
        self.secret_kind = "pi"
        self.page_end = "succeeded"
        self.on: dict[str, Script] = {
            "bulk_create": self._buy_lines,
            "registrar_checkout": lambda request: self._buy(["registrar"] * len(request.body["domains"])),
            "update": lambda request: self._buy([request.body["rate_plan"]["id"]]),
            "append": lambda request: self._buy(["more"]),
            "entitlements": self._entitlements,
            "list_subscriptions": lambda _: envelope(self.bought),
            "setup_payment_method": lambda _: envelope({"client_secret": "seti_setup_secret_x"}),
            "payment_methods": lambda _: envelope([{"id": "pm_1", "is_default": True, "valid": True}]),
            "add_payment_method": lambda _: envelope({"id": "pm_1"}),
            "pre_auth": lambda _: envelope({"client_secret": "pi_again_secret_x", "intent_type": "payment"}),
            "profile_update": lambda _: envelope({}),
            "create_zone": lambda request: envelope(
                {"id": "zone-new", "name": request.body["name"], "status": "initializing"}
            ),
            "patch_zone": lambda _: envelope({"id": "zone-new", "status": "pending"}),
            "create_payment_method": lambda _: Answer(200, {"id": "pm_nonce"}),
            "confirm_payment": self._confirm,
            "confirm_setup": self._confirm,
            "retrieve_intent": self._retrieve,
        }

    # What the deployment does unless told otherwise

    def _buy_lines(self, request: Request) -> Answer:
        lines = request.body["subscriptions"]
        zones = [{"zone_id": line["zone_id"]} if "zone_id" in line else {} for line in lines]
        return self._buy([line["rate_plan"]["id"] for line in lines], zones)

    def _buy(self, plans: list[str], zones: list[dict[str, str]] | None = None) -> Answer:
        first = len(self.bought) + 1
        made = [
            subscription(first + n, plan) | zone
            for n, (plan, zone) in enumerate(zip(plans, zones or [{}] * len(plans), strict=True))
        ]
        self.bought += made
        if not self.secret_kind:
            return envelope({"subscriptions": made, "client_secrets": []})
        return envelope({"subscriptions": made, "client_secrets": [f"{self.secret_kind}_{first}_secret_x"]})

    def _entitlements(self, _: Request) -> Answer:
        return envelope(
            [
                {"feature": one["rate_plan"]["id"], "subscription_id": one["id"], "status": "active"}
                | ({"zone_id": one["zone_id"]} if "zone_id" in one else {})
                for one in self.bought
            ]
        )

    def _confirm(self, request: Request) -> Answer:
        intent = request.path.split("/")[3]
        self.status[intent] = "succeeded"
        return Answer(200, {"id": intent, "status": "succeeded", "payment_method": "pm_1"})

    def _retrieve(self, request: Request) -> Answer:
        intent = request.path.split("/")[3]
        status = self.status.get(intent, "requires_payment_method")
        return Answer(200, {"id": intent, "status": status, "payment_method": "pm_1"})

    # Ready-made behaviour

    def asks_for_page(self, kind: str) -> None:
        """Confirmations lead to a page; `page_end` is the intent's status after it."""

        def confirm(request: Request) -> Answer:
            intent = request.path.split("/")[3]
            self.status[intent] = self.page_end
            page = {"type": "redirect_to_url", "redirect_to_url": {"url": f"https://hooks.stripe.com/{kind}/{intent}"}}
            return Answer(200, {"id": intent, "status": "requires_action", "next_action": page})

        self.on["confirm_payment"] = self.on["confirm_setup"] = confirm

    def gives(self, operation: str, *answers: Answer) -> None:
        """Answers to be given before what `on` says."""
        self.queued.setdefault(operation, []).extend(answers)

    # Running

    def run(self) -> list[Fact]:
        programs: list[Program[Any]] = [customer_program(self.shopper, self.session)]
        while programs:
            self._run_one(programs.pop(0), programs)
        return self.journal.close(ACCOUNT)

    def _run_one(self, program: Program[Any], later: list[Program[Any]]) -> None:
        value: Any = None
        for _ in range(EFFECTS_MAX):
            try:
                effect = program.send(value)
            except StopIteration:
                return
            value = None
            if isinstance(effect, Wait):
                assert effect.delay_us >= 0
                self.clock.now_us += effect.delay_us
            elif isinstance(effect, Call):
                self.sent.append(effect.request)
                value = self._answer(effect.request)
                if value is UNKNOWN:
                    self.clock.now_us += effect.timeout_us
            elif isinstance(effect, Visit):
                self.visits.append((effect.url, effect.outcome))
                value = Answer(303)
            elif isinstance(effect, Spawn):
                later.append(effect.program)
            else:
                raise AssertionError(f"a customer has no business to yield {effect!r}")
        raise AssertionError(f"the program still runs after {EFFECTS_MAX} effects")

    def _answer(self, request: Request) -> Answer:
        queued = self.queued.get(request.operation)
        return queued.pop(0) if queued else self.on[request.operation](request)

    # Looking

    def operations(self) -> list[str]:
        return [request.operation for request in self.sent]


def variant_of(
    phase: int = 4, front_end: str = "new", gates: dict[str, bool] | None = None, **customers: Any
) -> Variant:
    """A variant with everything plain unless said otherwise."""
    plain: dict[str, Any] = {
        "count": 1,
        "regions": {"north_america": 1.0},
        "pays_with": {"card": 1.0},
        "payment_step": {"before_submit": 1.0},
        "first_card": {"succeeds": 1.0},
        "next_card": {"succeeds": 1.0},
        "challenge": {"passed": 1.0},
        "redirect": {"finished": 1.0},
        "after_decline": {"gives_up": 1.0},
        "after_gate": {"leaves": 1.0},
    }
    scenario = Scenario.model_validate(
        {
            "name": "scripted",
            "title": "Scripted",
            "customers": Customers.model_validate_json(orjson.dumps(plain | customers)),
            "backend": {"gates": gates or {}},
        }
    )
    return Variant.model_validate(
        {
            "scenario": scenario,
            "file": "scripted.yaml",
            "phase": phase,
            "regime": "continuation",
            "front_end": front_end,
            "pm_gate": phase < 2,
        }
    )


class Theatre:
    """What tests get: makers of stages and answers, and readers of facts."""

    envelope = staticmethod(envelope)
    refusal = staticmethod(refusal)
    subscription = staticmethod(subscription)
    variant = staticmethod(variant_of)

    @staticmethod
    def stage(seed: int = 1, number: int = 7, **what: Any) -> Stage:
        return Stage(variant_of(**what), seed, number)

    @staticmethod
    def stage_of(variant: Variant, seed: int = 1, number: int = 7) -> Stage:
        return Stage(variant, seed, number)

    @staticmethod
    def states(facts: list[Fact], kind: str) -> list[str | None]:
        return [fact.state for fact in facts if fact.kind == kind]

    @staticmethod
    def outcome(facts: list[Fact]) -> str | None:
        endings = [fact.state for fact in facts if fact.kind == "outcome"]
        assert len(endings) == len([fact for fact in facts if fact.kind == "attempt"])
        return endings[-1]


@pytest.fixture
def theatre() -> type[Theatre]:
    return Theatre
