"""The language of thresholds and conditions."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.expectation import ExpressionError, parse_threshold, parse_when
from scenarios.metrics import METRICS, SELECTORS, Metric


@pytest.mark.parametrize(
    ("text", "actual", "verdict"),
    [
        ("conversion >= 0.6", 0.6, "held"),
        ("conversion >= 60%", 0.59, "violated"),
        ("pm_gate_rejections == 0", 0, "held"),
        ("pm_gate_rejections == 0", 1, "violated"),
        ("pm_gate_rejection_rate<=0.01", 0.02, "violated"),
        ("time_to_payment_p95_s < 300", 299.9, "held"),
        ("payment_failures > 0", 0, "violated"),
        ("tickets != 3", 3, "violated"),
        ("conversion between 40% and 0.6", 0.4, "held"),
        ("conversion between 40% and 0.6", 0.61, "violated"),
        ("conversion >= 0.6", None, "inconclusive"),
        ("conversion >= 0.6", math.nan, "inconclusive"),
    ],
)
def test_a_threshold_is_held_violated_or_inconclusive(text: str, actual: float | None, verdict: str) -> None:
    threshold = parse_threshold(text)
    assert threshold.verdict(actual) == verdict


def test_what_nobody_measured_is_inconclusive() -> None:
    assert parse_threshold("tickets <= 3").verdict(None) == "inconclusive"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("conversion [ client = multisku ] >= 0.5", "conversion[client=multisku]"),
        ("conversion[client=iapi/provisioner] >= 0.5", "conversion[client=iapi/provisioner]"),
        ("outcome[ blocked_by_gate ] == 0", "outcome[blocked_by_gate]"),
        ("pm_gate_rejections[operation=update] == 0", "pm_gate_rejections[operation=update]"),
    ],
)
def test_the_key_is_written_in_one_way(text: str, key: str) -> None:
    assert parse_threshold(text).key == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conversin >= 0.5", 'unknown metric "conversin"; expected one of conversion, .*; did you mean "conversion"?'),
        ("conversion", 'expected an expression such as "conversion >= 0.6"'),
        ("conversion >= 60", "expected a number from 0 to 1"),
        ("tickets <= 5%", "tickets is no share"),
        ("tickets = 3", 'did you mean "=="?'),
        ("tickets <= many", '"many"; expected a number'),
        ("outcome == 0", "outcome without saying which"),
        ("outcome[blocked] == 0", 'did you mean "blocked_by_gate"?'),
        ("conversion[clint=multisku] > 0.1", 'did you mean "client"?'),
        ("conversion[client] > 0.1", r"expected conversion\[client=…\]"),
        ("refunds[client=multisku] == 0", "expected refunds without a selector"),
        ("conversion between 0.4", 'as in "between 0.4 and 0.6"'),
        ("conversion between 0.6 and 0.4", "the smaller number first"),
        ("tickets <= 3 " + " " * 300, "at most 200"),
        ("__import__('os').system('true') > 0", "expected"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message.replace("?", r"\?")):
        parse_threshold(text)


def _keys(metric: Metric) -> st.SearchStrategy[str]:
    if metric.values:
        return st.sampled_from([f"{metric.name}[{value}]" for value in metric.values])
    narrowed = [f"{metric.name}[{name}={value}]" for name in metric.selectors for value in SELECTORS[name]]
    return st.sampled_from([metric.name, *narrowed])


@st.composite
def _thresholds(draw: st.DrawFn) -> str:
    metric = draw(st.sampled_from(list(METRICS.values())))
    numbers = st.integers(0, 1_000).map(lambda n: n / 1_000) if metric.unit == "share" else st.integers(0, 10**12)
    key, bound = draw(_keys(metric)), draw(numbers)
    if draw(st.booleans()):
        low, high = sorted((bound, draw(numbers)))
        return f"{key} between {low} and {high}"
    return f"{key} {draw(st.sampled_from(['>=', '<=', '==', '!=', '>', '<']))} {bound}"


@given(_thresholds())
def test_a_threshold_written_out_reads_the_same(text: str) -> None:
    threshold = parse_threshold(text)
    assert parse_threshold(str(threshold)) == threshold


@given(st.text(max_size=60))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (parse_threshold, parse_when):
        with suppress(ExpressionError):
            parse(text)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        (None, {(0, "legacy", "old"), (2, "legacy", "old"), (4, "continuation", "new")}),
        ("phase >= 2", {(2, "legacy", "old"), (4, "continuation", "new")}),
        ("regime == legacy and phase < 2", {(0, "legacy", "old")}),
        ("front_end != old", {(4, "continuation", "new")}),
        ("phase == 6", set()),
    ],
)
def test_when(text: str | None, matches: set[tuple[int, str, str]]) -> None:
    variants = [(0, "legacy", "old"), (2, "legacy", "old"), (4, "continuation", "new")]
    when = parse_when(text)
    assert {variant for variant in variants if when.matches(*variant)} == matches
    if text is not None:
        assert parse_when(str(when)) == when


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fase == 2", 'did you mean "phase"'),
        ("phase == 7", "a whole number from 0 to 6"),
        ("phase = 2", 'did you mean "=="'),
        ("front_end > old", "front_end == or front_end !="),
        ("regime == act1", 'did you mean "act-1"'),
        ("phase >= 2 or phase == 0", "expected a condition"),
    ],
)
def test_a_condition_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_when(text)
