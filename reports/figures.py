"""The figures that scenarios' thresholds may name, computed from the metrics of a variant.

The names are those of scenarios/metrics.py; each has one function here, and a test keeps the two in step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from reports.metrics import AnswerKind, AttemptKind, is_client
from scenarios.metrics import METRICS, SELECTORS

if TYPE_CHECKING:
    from reports.metrics import Metrics

Figure = Callable[["Metrics", str, str], "float | None"]


def figure(metrics: Metrics, key: str) -> float | None:
    """The number for a key such as "conversion[client=multisku]"; None where there is nothing to measure.

    A count of things that did not happen is 0; a count among things of which there were none is None, so that
    `pm_gate_rejections[operation=append] == 0` is not met by a run in which nobody appended anything.

    Raises KeyError for a name that scenarios cannot use.
    """
    name, _, rest = key.partition("[")
    selector, equals, value = rest.rstrip("]").partition("=")
    if name not in _FIGURES:
        raise KeyError(f'there is no metric "{name}": expected one of {", ".join(_FIGURES)}')
    if metrics.unread_ledgers and name in _OF_STRIPE:
        return None  # nobody read Stripe's side: no payment is seen there, and none is said to be missing
    return _FIGURES[name](metrics, selector if equals else "", value if equals else selector)


def keys(metrics: Metrics) -> Iterator[str]:
    """Every key that has a meaning for this run: each name, each of its values, and each selection that occurred."""
    for metric in METRICS.values():
        if metric.values:
            yield from (f"{metric.name}[{value}]" for value in metric.values)
            continue
        yield metric.name
        for selector in metric.selectors:
            for value in _occurring(metrics, selector):
                yield f"{metric.name}[{selector}={value}]"


def _occurring(metrics: Metrics, selector: str) -> list[str]:
    if selector == "operation":
        return [
            operation
            for operation in SELECTORS["operation"]
            if any(kind.operation == operation for kind in metrics.answers)
        ]
    if selector == "decline_code":
        return sorted(metrics.failures)
    values = list(metrics.conversion_by(selector))
    if selector == "client" and any(value.startswith("iapi/") for value in values):
        values.append("iapi")
    return values


def _attempts_matching(selector: str, value: str) -> Callable[[AttemptKind], bool]:
    if not selector:
        return lambda kind: True
    if selector == "product":
        return lambda kind: value in kind.products
    if selector == "client":
        return lambda kind: is_client(kind.client, value)
    return lambda kind: bool(getattr(kind, selector) == value)


def _answers_matching(selector: str, value: str) -> Callable[[AnswerKind], bool]:
    if not selector:
        return lambda kind: True
    if selector == "client":
        return lambda kind: is_client(kind.actor, value)
    return lambda kind: kind.operation == value


def _sum_attempts(counts: Mapping[AttemptKind, int], selector: str, value: str) -> int:
    matches = _attempts_matching(selector, value)
    return sum(count for kind, count in counts.items() if matches(kind))


def _conversion(metrics: Metrics, selector: str, value: str) -> float | None:
    share = metrics.conversion(_attempts_matching(selector, value))
    return None if share is None else share.value


def _among_attempts(name: str) -> Figure:
    """A count over the attempts that match; None without any."""

    def count(metrics: Metrics, selector: str, value: str) -> float | None:
        if not _sum_attempts(metrics.attempts, selector, value):
            return None
        return _sum_attempts(getattr(metrics, name), selector, value)

    return count


def _of_states(name: str) -> Figure:
    """How often the named state occurred; None in a run without customers."""

    def count(metrics: Metrics, selector: str, value: str) -> float | None:
        tally: dict[str, int] = getattr(metrics, name)
        return tally.get(value, 0) if metrics.customers else None

    return count


def _total(name: str) -> Figure:
    def total(metrics: Metrics, selector: str, value: str) -> float | None:
        return int(getattr(metrics, name)) if metrics.customers else None

    return total


def _outcome_share(metrics: Metrics, selector: str, value: str) -> float | None:
    n = sum(metrics.outcomes.values())
    return metrics.outcomes.get(value, 0) / n if n else None


def _reached(metrics: Metrics, selector: str, value: str) -> float | None:
    n = metrics.attempt_count
    entered = next(flow.entered for flow in metrics.steps() if flow.step == value)
    return entered / n if n else None


def _gated(metrics: Metrics, selector: str, value: str) -> int:
    matches = _answers_matching(selector, value)
    return metrics.answer_count(lambda kind: kind.is_gated and matches(kind))


def _rejections(metrics: Metrics, selector: str, value: str) -> float | None:
    matches = _answers_matching(selector, value)
    rejected = metrics.answer_count(lambda kind: kind.is_rejection and matches(kind))
    return rejected if rejected or _gated(metrics, selector, value) else None


def _rejection_rate(metrics: Metrics, selector: str, value: str) -> float | None:
    matches = _answers_matching(selector, value)
    n = _gated(metrics, selector, value)
    rejected = metrics.answer_count(lambda kind: kind.is_rejection and kind.is_gated and matches(kind))
    return rejected / n if n else None


def _warnings(metrics: Metrics, selector: str, value: str) -> float | None:
    if not _gated(metrics, selector, value):
        return None
    return sum(
        count
        for (actor, operation), count in metrics.warnings.items()
        if not selector or (is_client(actor, value) if selector == "client" else operation == value)
    )


def _payment_failures(metrics: Metrics, selector: str, value: str) -> float | None:
    if not metrics.customers:
        return None
    return metrics.failures.get(value, 0) if selector else sum(metrics.failures.values())


def _payment_failure_rate(metrics: Metrics, selector: str, value: str) -> float | None:
    n = metrics.confirmations
    return metrics.failed_confirmations / n if n else None


def _time_to_payment(share: float) -> Figure:
    return lambda metrics, selector, value: metrics.time_to_payment_s(share, value if selector else None)


def _time_to_entitlement(share: float) -> Figure:
    return lambda metrics, selector, value: metrics.time_to_entitlement_s(share)


def _unknown_answers(metrics: Metrics, selector: str, value: str) -> float | None:
    return metrics.answer_count(lambda kind: kind.state == "unknown") if metrics.answers else None


def _deliveries(metrics: Metrics, selector: str, value: str) -> float | None:
    if not metrics.customers:
        return None
    return sum(count for (state, _), count in metrics.webhooks.items() if state == value)


_FIGURES: Final[Mapping[str, Figure]] = {
    "conversion": _conversion,
    "attempts": lambda metrics, selector, value: _sum_attempts(metrics.attempts, selector, value),
    "converted": _among_attempts("converted"),
    "outcome": _of_states("outcomes"),
    "outcome_share": _outcome_share,
    "reached": _reached,
    "pm_gate_rejections": _rejections,
    "pm_gate_rejection_rate": _rejection_rate,
    "pm_gate_warnings": _warnings,
    "payment_failures": _payment_failures,
    "payment_failure_rate": _payment_failure_rate,
    "challenges": _of_states("challenges"),
    "redirects": _of_states("redirects"),
    "tickets": _among_attempts("tickets"),
    "detours": _of_states("detours"),
    "time_to_payment_p50_s": _time_to_payment(0.5),
    "time_to_payment_p95_s": _time_to_payment(0.95),
    "time_to_entitlement_p50_s": _time_to_entitlement(0.5),
    "time_to_entitlement_p95_s": _time_to_entitlement(0.95),
    "unknown_answers": _unknown_answers,
    "rollbacks": _of_states("rollbacks"),
    "unpaid_entitlements": _total("unpaid_entitlements"),
    "expired_subscriptions": _total("expired_subscriptions"),
    "charges": _of_states("charges"),
    "refunds": _total("refunds"),
    "captured_minor": _total("captured_minor"),
    "refunded_minor": _total("refunded_minor"),
    "webhook_deliveries": _deliveries,
}

_OF_STRIPE: Final = frozenset(
    (
        "payment_failures",
        "payment_failure_rate",
        "charges",
        "refunds",
        "captured_minor",
        "refunded_minor",
        "unpaid_entitlements",
    )
)
"""What is counted by Stripe's record."""
