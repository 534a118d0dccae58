"""What no single key shows: parts of a scenario that contradict one another or say nothing.

All checks take a scenario whose structure and names are right, and yield findings at the places to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from scenarios.catalogue import component_names, frequencies, is_offered, price_minor
from scenarios.expectation import parse_threshold, parse_when
from scenarios.fault_operations import APPLY_EVENT, OPERATIONS, is_event_type
from scenarios.parameters import PARAMETERS
from scenarios.scenario import Append, Cart, Customers, Expectation, Fault, Line, Scenario, Storm, Upgrade
from scenarios.scenario_error import KeyPath
from scenarios.structure import Finding, mistake, unknown_name
from scenarios.variants import combinations

MAX_LINES: Final = 50
"""Lines of one batch (the contract's limit)."""

_SECOND_US: Final = 1_000_000
_SHORTEST_DELAY_US: Final = 100_000

_MIXES: Final = (
    "regions",
    "payment_method_on_file",
    "client",
    "pays_with",
    "payment_step",
    "first_card",
    "next_card",
    "challenge",
    "redirect",
    "after_decline",
    "after_gate",
    "abandons_at",
    "double_submit",
    "standing",
)
_ONLY_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("error",),
    "copies": ("webhook_duplicate",),
    "retry_after": ("rate_limit",),
    "delay": (
        "latency",
        "webhook_delay",
        "webhook_reorder",
        "webhook_duplicate",
        "webhook_resend",
        "webhook_forged",
    ),
}
_NOT_FOR_OUTAGES: Final = ("operation", "probability", "first")
_LONGEST_STORM_US: Final = 2 * 86_400_000_000
"""Stripe gives an event up after three days (docs/parameters.md): a storm that long would leave nothing to converge."""


def check_sense(scenario: Scenario) -> Iterator[Finding]:
    """Every contradiction in a scenario."""
    yield from _check_customers(scenario.customers)
    for index, cart in enumerate(scenario.customers.carts):
        yield from _check_cart(cart, ("customers", "carts", index))
    for index, fault in enumerate(scenario.faults):
        yield from _check_fault(fault, ("faults", index))
    if scenario.storm is not None:
        yield from _check_storm(scenario.storm, ("storm",))
    yield from _check_matrix(scenario)
    for index, expectation in enumerate(scenario.expect):
        yield from _check_expectation(scenario, expectation, ("expect", index))


def _check_customers(customers: Customers) -> Iterator[Finding]:
    for name in _MIXES:
        mix = getattr(customers, name)
        if isinstance(mix, dict) and not sum(mix.values()) > 0:
            yield mistake(("customers", name), "a mix without a positive weight", "at least one weight above 0")
    if not sum(cart.weight for cart in customers.carts) > 0:
        yield mistake(("customers", "carts"), "no cart with a positive weight", "at least one")
    arrivals = customers.arrivals
    if arrivals.every is not None and arrivals.process != "every":
        yield mistake(
            ("customers", "arrivals", "every"),
            f"a gap between arrivals of the process {arrivals.process}",
            "process: every, or no key every",
        )
    if "over" in arrivals.model_fields_set and (arrivals.process == "at_once" or arrivals.every is not None):
        yield mistake(
            ("customers", "arrivals", "over"), "a length that arrivals of this kind do not have", "no key over"
        )
    yield from _check_parameters(customers)


def _check_parameters(customers: Customers) -> Iterator[Finding]:
    for name, value in customers.parameters.items():
        parameter = PARAMETERS[name]
        path = ("customers", "parameters", name)
        if not parameter.low <= value <= parameter.high:
            between = f"a number from {parameter.low:g} to {parameter.high:g} ({parameter.unit})"
            yield Finding(path, False, "", value, between)
        elif parameter.unit == "count" and value != int(value):
            yield Finding(path, False, "", value, "a whole number")


def _check_cart(cart: Cart, path: KeyPath) -> Iterator[Finding]:
    if not cart.lines and not cart.domains and cart.upgrade is None and cart.append is None:
        yield mistake(path, "an empty cart", "lines, domains, an upgrade or an append")
    for key, items in (("lines", cart.lines), ("domains", cart.domains)):
        if len(items) > MAX_LINES:
            yield Finding((*path, key), False, "", items, f"at most {MAX_LINES}")
    for index, line in enumerate(cart.lines):
        yield from _check_line(line, (*path, "lines", index))
    if cart.upgrade is not None:
        yield from _check_upgrade(cart.upgrade, (*path, "upgrade"))
    if cart.append is not None:
        yield from _check_append(cart.append, (*path, "append"))


def _check_line(line: Line, path: KeyPath) -> Iterator[Finding]:
    if not is_offered(line.rate_plan, line.frequency):
        yield _wrong_frequency(line.rate_plan, line.frequency, (*path, "frequency"))


def _wrong_frequency(rate_plan: str, frequency: str, path: KeyPath) -> Finding:
    offered = " or ".join(frequencies(rate_plan))
    return mistake(path, f"{rate_plan} bought {frequency}", f"{offered}, as it is sold")


def _check_upgrade(upgrade: Upgrade, path: KeyPath) -> Iterator[Finding]:
    plans = (("from_plan", upgrade.from_plan), ("to_plan", upgrade.to_plan))
    wrong = [plan for _, plan in plans if not is_offered(plan, upgrade.frequency)]
    for plan in wrong:
        yield _wrong_frequency(plan, upgrade.frequency, (*path, "frequency"))
    if upgrade.from_plan == upgrade.to_plan:
        yield mistake((*path, "to_plan"), f"an upgrade from {upgrade.from_plan} to itself", "another plan")
    elif not wrong:
        old, new = (price_minor(plan, upgrade.frequency) for _, plan in plans)
        if new < old:
            problem = f"{upgrade.to_plan} ({new} minor units), cheaper than {upgrade.from_plan} ({old})"
            yield mistake((*path, "to_plan"), problem, "a plan that costs as much or more")


def _check_append(append: Append, path: KeyPath) -> Iterator[Finding]:
    names = component_names(append.rate_plan)
    if append.component not in names:
        yield unknown_name((*path, "component"), append.component, names)


def _check_fault(fault: Fault, path: KeyPath) -> Iterator[Finding]:
    webhook = fault.kind.startswith("webhook_")
    if webhook and fault.service is not None:
        problem = f"a service for {fault.kind}, which concerns deliveries from Stripe to billing-webhooks"
        yield mistake((*path, "service"), problem, "no key service")
    if not webhook and fault.service is None:
        yield mistake(path, f"{fault.kind} without a service", "service: gateway, subscriptions-api or another")
    yield from _check_operation(fault, webhook, path)
    for key, kinds in _ONLY_FOR.items():
        if key in fault.model_fields_set and fault.kind not in kinds:
            yield mistake((*path, key), f"{key} for {fault.kind}", f"{key} only with {', '.join(kinds)}")
    if fault.kind == "outage":
        yield from _check_outage(fault, path)
    if fault.retry_after is not None and (fault.retry_after < _SECOND_US or fault.retry_after % _SECOND_US):
        yield mistake(
            (*path, "retry_after"), "a wait that is no whole number of seconds", "1s or more, in whole seconds"
        )
    if fault.after is not None and fault.until is not None and fault.after >= fault.until:
        yield mistake((*path, "until"), "an end that is not after the beginning", "until later than after")


def _check_outage(fault: Fault, path: KeyPath) -> Iterator[Finding]:
    """A service that is down is down for everybody and everything, and comes back."""
    for key in _NOT_FOR_OUTAGES:
        if key in fault.model_fields_set:
            problem = f"{key} for an outage, in which every call fails"
            yield mistake((*path, key), problem, f"no key {key}, or the kind error")
    if fault.until is None:
        yield mistake(path, "an outage without an end", "until: when the service is back, such as 40min")


def _check_storm(storm: Storm, path: KeyPath) -> Iterator[Finding]:
    if not storm.kinds:
        yield mistake((*path, "kinds"), "a storm of no kind", "at least one kind, or no key kinds")
    if len(set(storm.kinds)) < len(storm.kinds):
        yield mistake((*path, "kinds"), "a kind that is listed twice", "each kind once")
    if storm.after >= storm.until:
        yield mistake((*path, "until"), "an end that is not after the beginning", "until later than after")
    elif storm.until - storm.after > _LONGEST_STORM_US:
        problem = "a storm of more than two days, which outlasts the days in which Stripe sends its events again"
        yield mistake((*path, "until"), problem, "at most 2d after its beginning")
    if storm.longest_delay < _SHORTEST_DELAY_US:
        yield mistake((*path, "longest_delay"), "a longest delay below 100ms", "100ms or more")


def _check_operation(fault: Fault, webhook: bool, path: KeyPath) -> Iterator[Finding]:
    if fault.operation is None:
        return
    names = OPERATIONS.get(fault.service or "")
    if webhook or fault.service == "billing-webhooks":
        if not is_event_type(fault.operation) and (webhook or fault.operation != APPLY_EVENT):
            expected = "the type of an event, such as payment_intent.succeeded"
            yield Finding((*path, "operation"), False, "", fault.operation, expected)
    elif names is not None and fault.operation not in names:
        yield unknown_name((*path, "operation"), fault.operation, names)


def _check_matrix(scenario: Scenario) -> Iterator[Finding]:
    matrix, backend, customers = scenario.matrix, scenario.backend, scenario.customers
    pinned = {
        "phase": ("backend.phase", backend.phase is not None),
        "regime": ("backend.regime", "regime" in backend.model_fields_set),
        "front_end": ("customers.front_end", "front_end" in customers.model_fields_set),
    }
    for key, (place, is_pinned) in pinned.items():
        values = getattr(matrix, key)
        if values is None:
            continue
        if is_pinned:
            yield mistake(("matrix", key), f"{key} in the matrix and at {place} too", "one of the two")
        if not values:
            yield mistake(("matrix", key), "an empty list", "at least one value, or no key")
        if len(set(values)) < len(values):
            yield mistake(("matrix", key), "a value that is listed twice", "each value once")


def _check_expectation(scenario: Scenario, expectation: Expectation, path: KeyPath) -> Iterator[Finding]:
    if not expectation.thresholds and not expectation.violated:
        yield mistake(path, "an expectation that expects nothing", "thresholds or violated")
    when = parse_when(expectation.when)
    if not any(when.matches(*combination) for combination in combinations(scenario)):
        yield mistake((*path, "when"), f'"{when}", which no variant of this scenario meets', _variants_said(scenario))
    for index, name in enumerate(expectation.violated):
        if scenario.properties != "all" and name not in scenario.properties:
            place = (*path, "violated", index)
            yield mistake(place, f"{name}, which this scenario does not check", "it under properties, too")
    for index, expression in enumerate(expectation.thresholds):
        yield from _check_selector(scenario.customers, expression, scenario, (*path, "thresholds", index))


def _variants_said(scenario: Scenario) -> str:
    """What the variants of a scenario are, for somebody whose condition fits none."""
    found = combinations(scenario)
    parts: dict[str, dict[str, None]] = {
        "phase": dict.fromkeys(str(one.phase) for one in found),
        "regime": dict.fromkeys(str(one.regime) for one in found),
        "front_end": dict.fromkeys(str(one.front_end) for one in found),
    }
    return "a condition on " + "; ".join(f"{name}: {', '.join(values)}" for name, values in parts.items())


def _check_selector(customers: Customers, expression: str, scenario: Scenario, path: KeyPath) -> Iterator[Finding]:
    """A metric narrowed to something that never occurs is never measured."""
    name, _, value = parse_threshold(expression).key.partition("[")[2].rstrip("]").partition("=")
    present: tuple[str, ...]
    if name == "client" and not scenario.backend.gates:
        present = tuple(client for client, weight in customers.client.items() if weight > 0)
        present += (f"iapi/{customers.iapi_service}",) if "iapi" in present else ()
    elif name == "product":
        present = tuple(product for cart in customers.carts for product in _products(cart))
    elif name == "pm_on_file":
        present = tuple(state for state, weight in customers.payment_method_on_file.items() if weight > 0)
    else:
        return
    if value not in present:
        problem = f"{name} {value}, which this scenario has none of"
        yield mistake(path, problem, f"one of {', '.join(dict.fromkeys(present))}")


def _products(cart: Cart) -> Iterator[str]:
    for line in cart.lines:
        yield line.rate_plan
    if cart.domains:
        yield "registrar"
    if cart.upgrade is not None:
        yield cart.upgrade.to_plan
    if cart.append is not None:
        yield cart.append.rate_plan
