"""The language of expectations: thresholds over metrics, and the conditions under which they apply.

conversion >= 0.6                              conversion between 55% and 65%
pm_gate_rejections[operation=update] == 0      outcome[blocked_by_gate] == 0
when: phase >= 2 and front_end == old
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, get_args

from scenarios.metrics import METRICS, SELECTORS, Metric
from scenarios.nearest import nearest
from scenarios.scenario import Regime

Verdict = Literal["held", "violated", "inconclusive"]
BETWEEN: Final = "between"

_LONGEST_EXPRESSION: Final = 200
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_ORDERED: Final = "one of >=, <=, ==, !=, >, <"
_THRESHOLD: Final = re.compile(
    r"(?P<metric>[^\s\[\]<>=!]+)\s*(?:\[(?P<selector>[^\[\]]*)\])?\s*"
    r"(?:(?P<between>between\b)|(?P<comparison>[<>=!]{1,3}))\s*(?P<rest>.*)"
)
_BOUNDS: Final = re.compile(r"(.+?)\s+and\s+(.+)")
_NUMBER: Final = re.compile(r"(-?[0-9]{1,15}(?:\.[0-9]{1,12})?)\s*(%?)")
_CONDITION: Final = re.compile(r"(?P<name>[^\s<>=!]+)\s*(?P<comparison>[<>=!]{1,3})\s*(?P<value>\S+)")
_CONJUNCTION: Final = re.compile(r"\s+and\s+")
_IAPI_SERVICE: Final = re.compile(r"iapi/[a-z0-9]+(?:[-_][a-z0-9]+)*")


class ExpressionError(ValueError):
    """An expression that cannot be read: what was found, what was expected, and the nearest valid name if any."""

    def __init__(self, found: str, expected: str, suggestion: str | None = None) -> None:
        super().__init__(f"{found}; expected {expected}" + (f'; did you mean "{suggestion}"?' if suggestion else ""))
        self.found = found
        self.expected = expected
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold. `key` is what to measure; `upper` is the second bound of `between`, which includes both."""

    key: str
    comparison: str
    bound: float
    upper: float | None = None

    def __str__(self) -> str:
        if self.upper is not None:
            return f"{self.key} between {_plain(self.bound)} and {_plain(self.upper)}"
        return f"{self.key} {self.comparison} {_plain(self.bound)}"

    def verdict(self, actual: float | None) -> Verdict:
        """Whether `actual`, a point estimate, meets the threshold; nothing measured is inconclusive."""
        if actual is None or not math.isfinite(actual):
            return "inconclusive"
        if self.upper is not None:
            return "held" if self.bound <= actual <= self.upper else "violated"
        return "held" if _COMPARISONS[self.comparison](actual, self.bound) else "violated"

    def missed_for_good(self, actual: float | None) -> bool:
        """Whether no further customer can mend it: a count that is above its bound already."""
        name = self.key.partition("[")[0]
        if actual is None or METRICS[name].unit != "count" or self.comparison in (">", ">="):
            return False
        bound = self.bound if self.upper is None else self.upper
        return actual > bound or (actual == bound and self.comparison == "<")


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of `when`: of the phase with a number, or of the regime or the front end with a name."""

    name: Literal["phase", "regime", "front_end"]
    comparison: str
    value: int | str

    def __str__(self) -> str:
        return f"{self.name} {self.comparison} {self.value}"

    def matches(self, phase: int, regime: str, front_end: str) -> bool:
        """Whether a variant meets the condition."""
        if isinstance(self.value, int):
            return _COMPARISONS[self.comparison](phase, self.value)
        return ((regime if self.name == "regime" else front_end) == self.value) == (self.comparison == "==")


@dataclass(frozen=True, slots=True)
class When:
    """Conditions that must all hold; none at all holds always."""

    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))

    def matches(self, phase: int, regime: str, front_end: str) -> bool:
        """Whether a variant meets every condition."""
        return all(condition.matches(phase, regime, front_end) for condition in self.conditions)


def parse_threshold(text: str) -> Threshold:
    """Read one threshold. Raises ExpressionError."""
    match = _THRESHOLD.fullmatch(_trimmed(text))
    if match is None:
        raise ExpressionError("not a comparison of a metric with a number", 'an expression such as "conversion >= 0.6"')
    metric = METRICS.get(match["metric"])
    if metric is None:
        raise _unknown("metric", match["metric"], METRICS)
    key = _key(metric, match["selector"])
    if match["between"]:
        return _between(metric, key, match["rest"])
    comparison = _comparison(match["comparison"], match["rest"])
    return Threshold(key, comparison, _number(match["rest"], metric))


def parse_when(text: str | None) -> When:
    """Read the conditions of `when`; None stands for no conditions. Raises ExpressionError."""
    if text is None:
        return When()
    return When(tuple(_condition(part) for part in _CONJUNCTION.split(_trimmed(text))))


def _trimmed(text: str) -> str:
    if len(text) > _LONGEST_EXPRESSION:
        raise ExpressionError(f"an expression of {len(text)} characters", f"at most {_LONGEST_EXPRESSION}")
    return text.strip()


def _unknown(noun: str, name: str, names: Mapping[str, object] | tuple[str, ...]) -> ExpressionError:
    return ExpressionError(f'unknown {noun} "{name}"', f"one of {', '.join(names)}", nearest(name, names))


def _key(metric: Metric, selector: str | None) -> str:
    if metric.values:
        return _key_with_value(metric, selector)
    if selector is None:
        return metric.name
    name, equals, value = (part.strip() for part in selector.partition("="))
    if not metric.selectors:
        raise ExpressionError(f"{metric.name} with a selector [{selector}]", f"{metric.name} without a selector")
    if name not in metric.selectors:
        raise _unknown(f"selector of {metric.name}", name, metric.selectors)
    if not equals:
        raise ExpressionError(f"[{selector}] without a value", f"{metric.name}[{name}=…]")
    if value not in SELECTORS[name] and not (name == "client" and _IAPI_SERVICE.fullmatch(value)):
        raise _unknown(name, value, SELECTORS[name])
    return f"{metric.name}[{name}={value}]"


def _key_with_value(metric: Metric, selector: str | None) -> str:
    if selector is None:
        raise ExpressionError(
            f"{metric.name} without saying which", f"{metric.name}[…] with one of {', '.join(metric.values)}"
        )
    value = selector.strip()
    if value not in metric.values:
        raise _unknown(f"value of {metric.name}", value, metric.values)
    return f"{metric.name}[{value}]"


def _comparison(text: str, rest: str) -> str:
    if text not in _COMPARISONS:
        suggestion = "==" if text in ("=", "===") else None
        raise ExpressionError(f'"{text}" before "{rest}"', _ORDERED, suggestion)
    return text


def _between(metric: Metric, key: str, rest: str) -> Threshold:
    bounds = _BOUNDS.fullmatch(rest)
    if bounds is None:
        raise ExpressionError(f'"{rest}" after between', 'two numbers, as in "between 0.4 and 0.6"')
    low, high = _number(bounds[1], metric), _number(bounds[2], metric)
    if low > high:
        raise ExpressionError(f"between {_plain(low)} and {_plain(high)}", "the smaller number first")
    return Threshold(key, BETWEEN, low, high)


def _number(text: str, metric: Metric) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ExpressionError(f'"{text}"', "a number" + (" or a percentage" if metric.unit == "share" else ""))
    number = float(match[1])
    if match[2]:
        if metric.unit != "share":
            raise ExpressionError(f'"{text}"', f"a number without %: {metric.name} is no share")
        number = float(f"{match[1]}e-2")
    if metric.unit == "share" and not 0 <= number <= 1:
        raise ExpressionError(f'"{text}"', f"a number from 0 to 1 (or a percentage): {metric.name} is a share")
    return number


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise ExpressionError(f'"{text}"', 'a condition such as "phase >= 2" or "regime == legacy"')
    name, comparison, value = match["name"], match["comparison"], match["value"]
    if name == "phase":
        return Condition("phase", _comparison(comparison, value), _phase(value))
    if name == "regime":
        return Condition("regime", _equality(name, comparison), _named("regime", value, get_args(Regime)))
    if name == "front_end":
        return Condition("front_end", _equality(name, comparison), _named(name, value, ("old", "inline", "new")))
    raise _unknown("condition", name, ("phase", "regime", "front_end"))


def _phase(value: str) -> int:
    if value not in ("0", "1", "2", "3", "4", "5", "6"):
        raise ExpressionError(f'phase "{value}"', "a whole number from 0 to 6")
    return int(value)


def _equality(name: str, comparison: str) -> str:
    if comparison not in ("==", "!="):
        raise ExpressionError(f'"{name} {comparison}"', f"{name} == or {name} !=")
    return comparison


def _named(noun: str, value: str, names: tuple[str, ...]) -> str:
    if value not in names:
        raise _unknown(noun, value, names)
    return value


def _plain(number: float) -> str:
    """A number as people write it: no exponent, no trailing zeros."""
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")
