"""How proofs speak of times, durations and money."""

from __future__ import annotations

from collections.abc import Iterable

from sim.time import DAY_US, HOUR_US, MILLISECOND_US, MINUTE_US, SECOND_US, moment


def clock(time_us: int) -> str:
    """A moment as a reader looks it up in a history: `2026-01-05 12:03:07.250`, UTC, to the millisecond."""
    return f"{moment(time_us):%Y-%m-%d %H:%M:%S}.{time_us // MILLISECOND_US % 1000:03d}"


def span(duration_us: int) -> str:
    """A duration in the unit a person would choose: `250 ms`, `1.84 s`, `12.5 min`, `23.0 h`, `3.0 days`."""
    for unit_us, name, digits in ((DAY_US * 2, "days", 1), (HOUR_US, "h", 1), (MINUTE_US * 2, "min", 1)):
        if duration_us >= unit_us:
            whole_us = DAY_US if name == "days" else MINUTE_US if name == "min" else unit_us
            return f"{duration_us / whole_us:.{digits}f} {name}"
    if duration_us >= SECOND_US:
        return f"{duration_us / SECOND_US:.2f} s"
    if duration_us >= MILLISECOND_US:
        return f"{duration_us // MILLISECOND_US} ms"
    return f"{duration_us} µs"


def money(amount_minor: int | None) -> str:
    """An amount as people write it: `5.00 USD`. The only currency is usd."""
    if amount_minor is None:
        return "an unknown amount"
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{abs(amount_minor) // 100}.{abs(amount_minor) % 100:02d} USD"


def listed(names: Iterable[object], at_most: int = 5) -> str:
    """Names in a sentence: `a, b and c`; beyond `at_most` the rest is counted."""
    words = [str(name) for name in names]
    if len(words) > at_most:
        words = [*words[:at_most], f"{len(words) - at_most} more"]
    if len(words) < 2:
        return "".join(words) or "nothing"
    return f"{', '.join(words[:-1])} and {words[-1]}"
