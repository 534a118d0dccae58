"""Strategies that draw drafts: valid by construction, and the simplest first, so that shrinking ends at few keys.

A draft begins as the defaults and departs from them in a few *aspects*; each aspect writes one or two keys. Shrinking
takes aspects away, and makes those that are left as simple as their first alternatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.exploring.bounds import Bounds
from conformance.exploring.draft import Draft
from scenarios.catalogue import PRODUCTS, component_names, frequencies, price_minor
from scenarios.gates import GATES, PM_GATE
from scenarios.probe_names import PROBE_NAMES
from scenarios.scenario import (
    AbandonStep,
    AfterDecline,
    AfterGate,
    CardBehaviour,
    ChallengeOutcome,
    Client,
    DoubleSubmit,
    PaymentMethodState,
    PaymentStep,
    PaysWith,
    RedirectOutcome,
    Regime,
    Region,
    Standing,
)

_SEEDS: Final = 9_999
_ASPECTS: Final = 7
"""Departures in one draft, at most. Assumption: what needs more to go wrong is rarer than what time is spent on."""
_OFTEN: Final = ("carts", "payment_method_on_file", "faults")
"""Aspects that every other draft has, because most depends on them."""
_NAMES_IN_A_MIX: Final = 3
_FAULTS: Final = 3

Value = dict[str, Any] | list[Any] | str | int | float | bool
Path = tuple[str, ...]

_PRODUCTS: Final = ("workers_paid", *(one.id for one in PRODUCTS if one.id != "workers_paid"))
_ZONE_PRODUCTS: Final = frozenset(one.id for one in PRODUCTS if one.zone_scoped)


def drafts(bounds: Bounds) -> SearchStrategy[Draft]:
    """Drafts within these bounds."""
    aspects = _aspects(bounds)
    often = [name for name in _OFTEN if name in aspects]
    chosen = st.lists(st.sampled_from([name for name in aspects if name not in often]), max_size=_ASPECTS, unique=True)
    phases, regimes = st.sampled_from(bounds.phases), st.sampled_from(bounds.regimes)
    counts = st.integers(1, bounds.customers)
    seeds = st.integers(1, _SEEDS)

    @st.composite
    def draft(draw: DrawFn) -> Draft:
        customers: dict[str, Any] = {"count": draw(counts)}
        backend: dict[str, Any] = {"phase": draw(phases)}
        data: dict[str, Any] = {"customers": customers, "backend": backend}
        regime = draw(regimes)
        if regime != "continuation":
            backend["regime"] = regime
        picked = [*draw(chosen), *(name for name in often if draw(st.booleans()))]
        for name in aspects:  # always in this order, so that two drafts of the same keys read alike
            if name in picked:
                value = draw(aspects[name].values(regime))
                if value is not None:
                    _put(data, aspects[name].path, value)
        return Draft(data, draw(seeds))

    return draft()


class _Aspect:
    """One departure from the defaults: where it is written, and what can be written there under a regime."""

    __slots__ = ("path", "values")

    def __init__(self, path: Path, values: Callable[[Regime], SearchStrategy[Any]]) -> None:
        self.path = path
        self.values = values


def _put(data: dict[str, Any], path: Path, value: Value) -> None:
    for key in path[:-1]:
        data = data.setdefault(key, {})
    data[path[-1]] = value


def _aspects(bounds: Bounds) -> Mapping[str, _Aspect]:
    found = {key: _always(("customers", key), values) for key, values in _customer_values().items()}
    if bounds.probes:
        found["probe"] = _always(("probe",), st.sampled_from(tuple(PROBE_NAMES)))
    if bounds.gates:
        found["gates"] = _always(("backend", "gates"), _gates())
    if bounds.capacity:
        capacity = _capacity()
        found["capacity"] = _Aspect(("capacity",), lambda regime: capacity if regime == "continuation" else st.none())
    if bounds.faults:
        by_regime = {regime: _faults(regime) for regime in bounds.regimes}
        found["faults"] = _Aspect(("faults",), by_regime.__getitem__)
        storms = st.sampled_from(
            ({"until": "2h"}, {"after": "1min", "until": "26h"}, {"until": "2h", "probability": 0.9})
        )
        found["storm"] = _Aspect(("storm",), lambda regime: storms if regime == "continuation" else st.none())
    return found


def _always(path: Path, values: SearchStrategy[Any]) -> _Aspect:
    return _Aspect(path, lambda _regime: values)


# Customers -----------------------------------------------------------------------------------------------------------


def _customer_values() -> dict[str, SearchStrategy[Any]]:
    """What can be said of customers, key by key; the first of each is the simplest."""
    return {
        "payment_method_on_file": _mix(_first("valid", PaymentMethodState)),
        "client": _mix(_first("multisku", Client)),
        "carts": st.lists(_carts(), min_size=1, max_size=2),
        "pays_with": _mix(_first("card", PaysWith)),
        "payment_step": _mix(get_args(PaymentStep)),
        "first_card": _mix(_first("succeeds", CardBehaviour)),
        "next_card": _mix(_first("succeeds", CardBehaviour)),
        "challenge": _mix(get_args(ChallengeOutcome)),
        "redirect": _mix(get_args(RedirectOutcome)),
        "after_decline": _mix(_first("another_card", AfterDecline)),
        "after_gate": _mix(_first("adds_payment_method", AfterGate)),
        "abandons_at": _mix(_first("confirmation", AbandonStep)),
        "double_submit": _mix(_first("double_click", DoubleSubmit)),
        "standing": _mix(_first("locked", Standing)),
        "regions": _mix(get_args(Region)),
        "front_end": st.sampled_from(("old", "inline", "new")),
        "returns_after": st.sampled_from(("1h", "25h", "1s", "22h", "23h", "4d")),
        "watchful": st.just(True),
        "arrivals": st.sampled_from(({"process": "at_once"}, {"over": "10s"}, {"over": "7d"})),
        "parameters": _parameters(),
    }


def _parameters() -> SearchStrategy[dict[str, float]]:
    """One or two figures of the customer model."""
    chosen = st.dictionaries(st.sampled_from(tuple(_FIGURES)), st.integers(0, 2), min_size=1, max_size=2)
    return chosen.map(lambda found: {name: _FIGURES[name][index] for name, index in found.items()})


_FIGURES: Final[Mapping[str, Sequence[float]]] = {
    "hesitation_median_s": (3_600, 82_800, 90_000),
    "card_entry_median_s": (1, 3_600, 90_000),
    "challenge_median_s": (1, 3_600, 90_000),
    "challenge_timeout_s": (1, 3_600, 90_000),
    "paypal_median_s": (1, 3_600, 90_000),
    "owner_confirms_median_s": (1, 82_800, 90_000),
    "poll_limit_s": (1, 600, 3_600),
    "impatient_timeout_s": (5, 0.1, 30),
    "service_unavailable_wait_s": (1, 600, 3_600),
    "unknown_tries_max": (1, 2, 6),
}
"""Figures of the customer model that change what overlaps with what, and three of each: hours, the 23 after which a
purchase expires, and more."""


def _first(name: str, names: Any) -> tuple[str, ...]:
    """Names with the one that is the simplest departure from the default at the beginning."""
    return (name, *(one for one in get_args(names) if one != name))


def _mix(names: Sequence[str]) -> SearchStrategy[Any]:
    """One name, or equal shares of several."""
    several = st.lists(st.sampled_from(tuple(names)), min_size=1, max_size=_NAMES_IN_A_MIX, unique=True)
    return several.map(lambda drawn: drawn[0] if len(drawn) == 1 else dict.fromkeys(sorted(drawn), 1.0))


def _carts() -> SearchStrategy[dict[str, Any]]:
    """One cart: an upgrade, an addition, or lines; with or without domains."""
    lines = st.lists(_lines(), min_size=1, max_size=3)
    domains = st.lists(_domains(), min_size=1, max_size=2)
    return st.one_of(
        st.builds(lambda lines: {"lines": lines}, lines),
        st.builds(lambda upgrade: {"upgrade": upgrade}, _upgrades()),
        st.builds(lambda append: {"append": append}, _appends()),
        st.builds(lambda domains: {"domains": domains}, domains),
        st.builds(lambda lines, domains: {"lines": lines, "domains": domains}, lines, domains),
        st.builds(lambda lines, upgrade: {"lines": lines, "upgrade": upgrade}, lines, _upgrades()),
        st.builds(lambda lines, append: {"lines": lines, "append": append}, lines, _appends()),
    )


@st.composite
def _lines(draw: DrawFn) -> dict[str, Any]:
    rate_plan = draw(st.sampled_from(_PRODUCTS))
    line: dict[str, Any] = {"rate_plan": rate_plan}
    offered = frequencies(rate_plan)
    frequency = draw(st.sampled_from(offered)) if len(offered) > 1 else offered[0]
    if frequency != "monthly":
        line["frequency"] = frequency
    quantity = draw(st.sampled_from((1, 1, 2, 7)))
    if quantity > 1:
        line["quantity"] = quantity
    zone = draw(st.sampled_from(("existing", "new"))) if rate_plan in _ZONE_PRODUCTS else "none"
    if zone != "none":
        line["zone"] = zone
    return line


@st.composite
def _domains(draw: DrawFn) -> dict[str, Any]:
    from scenarios.catalogue import TLD_PRICES_MINOR

    domain: dict[str, Any] = {"tld": draw(st.sampled_from(tuple(TLD_PRICES_MINOR)))}
    years = draw(st.sampled_from((1, 1, 2, 10)))
    if years > 1:
        domain["years"] = years
    return domain


def _upgrades() -> SearchStrategy[dict[str, Any]]:
    return st.sampled_from(_UPGRADES).map(dict)


def _every_upgrade() -> list[dict[str, Any]]:
    """Every change of plan that costs as much or more, the plans of a zone first."""
    found: list[dict[str, Any]] = []
    for old in sorted(PRODUCTS, key=lambda one: one.id not in ("zone_pro", "workers_paid")):
        for new in PRODUCTS:
            for frequency in frequencies(old.id):
                if (
                    old.id != new.id
                    and old.zone_scoped == new.zone_scoped
                    and frequency in frequencies(new.id)
                    and price_minor(new.id, frequency) >= price_minor(old.id, frequency)
                ):
                    upgrade = {"from_plan": old.id, "to_plan": new.id}
                    found.append(upgrade if frequency == "monthly" else {**upgrade, "frequency": frequency})
    found.sort(key=lambda one: (one["from_plan"], one["to_plan"]) != ("zone_pro", "zone_business"))
    return found


_UPGRADES: Final = _every_upgrade()


@st.composite
def _appends(draw: DrawFn) -> dict[str, Any]:
    rate_plan = draw(st.sampled_from(tuple(one for one in _PRODUCTS if component_names(one))))
    component = draw(st.sampled_from(component_names(rate_plan)))
    return {"rate_plan": rate_plan, "component": component, "value": draw(st.sampled_from((1, 5)))}


# The deployment ------------------------------------------------------------------------------------------------------


def _gates() -> SearchStrategy[dict[str, bool]]:
    """One or two flags off."""
    names = (PM_GATE, *(name for name in GATES if name != PM_GATE))
    return st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).map(
        lambda off: dict.fromkeys(sorted(off), False)
    )


def _capacity() -> SearchStrategy[dict[str, Any]]:
    services = st.sampled_from(("subscriptions-api", "gateway", "billing-webhooks", "stripe"))
    times = st.sampled_from(("150ms", "1s", "5s"))
    return st.builds(lambda service, time: {service: {"workers": 1, "service_time": time}}, services, times)


# Faults --------------------------------------------------------------------------------------------------------------

_OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "gateway": (
        "bulk_create",
        "update",
        "append",
        "registrar_checkout",
        "list_subscriptions",
        "cancel",
        "pre_auth",
        "entitlements",
        "create_zone",
        "payment_methods",
        "setup_payment_method",
        "add_payment_method",
        "profile_update",
    ),
    "stripe": (
        "create_payment_intent",
        "create_setup_intent",
        "confirm_payment_intent",
        "cancel_payment_intent",
        "cancel_setup_intent",
        "retrieve_payment_intent",
        "create_refund",
        "create_customer",
        "update_payment_method",
        "attach_payment_method",
        "confirm_payment",
        "confirm_setup",
        "retrieve_intent",
    ),
}
_EVENTS: Final = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.requires_action",
    "setup_intent.succeeded",
    "setup_intent.canceled",
    "payment_method.attached",
)
_WEBHOOK_KINDS: Final = (
    "webhook_duplicate",
    "webhook_delay",
    "webhook_reorder",
    "webhook_drop",
    "webhook_resend",
    "webhook_forged",
)
_CALL_KINDS: Final = ("error", "drop_answer", "drop_request", "latency", "rate_limit")
_OUTAGE: Final = "outage"


def _faults(regime: Regime) -> SearchStrategy[list[dict[str, Any]]]:
    """Up to three faults, each of which ends, so that everything must converge.

    Act 1 acknowledges an event before it applies it, and applies it once: one that fails there, or that comes before
    its object is known, is lost, and no property can hold. So nothing hampers its backend; what lies between it and
    its customers may fail, and somebody may forge events.
    """
    if regime == "continuation":
        fault = _fault(
            (*_CALL_KINDS, *_WEBHOOK_KINDS, _OUTAGE), ("gateway", "subscriptions-api", "stripe", "billing-webhooks")
        )
    else:
        fault = _fault((*_CALL_KINDS, "webhook_forged"), ("gateway",))
    return st.lists(fault, min_size=1, max_size=_FAULTS)


@st.composite
def _fault(draw: DrawFn, kinds: tuple[str, ...], services: tuple[str, ...]) -> dict[str, Any]:
    kind = draw(st.sampled_from(kinds))
    fault: dict[str, Any] = {"kind": kind}
    if kind == _OUTAGE:
        return {**fault, "service": draw(st.sampled_from(services)), **draw(st.sampled_from(_OUTAGES))}
    operations: tuple[str, ...] = _EVENTS
    if not kind.startswith("webhook_"):
        fault["service"] = service = draw(st.sampled_from(services))
        operations = _EVENTS if service == "billing-webhooks" else _OPERATIONS.get(service, _OPERATIONS["gateway"])
    if draw(st.booleans()):
        fault["operation"] = draw(st.sampled_from(operations))
    if kind == "error":
        status = draw(st.sampled_from((503, 500, 429, 502)))
        if status != 503:
            fault["status"] = status
    if kind in ("latency", "webhook_delay", "webhook_reorder", "webhook_duplicate", "webhook_resend"):
        fault["delay"] = draw(st.sampled_from(("20s", "1s", "2min", "1h", "3h", "26h") if kind != "latency" else _SLOW))
    if kind == "webhook_duplicate" and draw(st.booleans()):
        fault["copies"] = 3
    fault.update(draw(st.sampled_from(_ENDS)))
    return fault


_SLOW: Final = ("20s", "500ms", "5s", "60s")
_OUTAGES: Final[tuple[Mapping[str, Any], ...]] = ({"until": "2h"}, {"after": "10s", "until": "1h"}, {"until": "12h"})
_ENDS: Final[tuple[Mapping[str, Any], ...]] = (
    {"first": 1},
    {"first": 2},
    {"first": 5},
    {"until": "2h"},
    {"until": "2h", "probability": 0.5},
    {"first": 10, "probability": 0.3},
    {"after": "10s", "until": "2h"},
    {"until": "12h", "probability": 0.3},
)
"""How a fault ends. Stripe delivers again for three days, so what is lost in half a day arrives all the same."""
