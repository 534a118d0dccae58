"""Trimming: taking from a failing draft every key without which it fails as well.

Hypothesis shrinks choices, of which a key is made of several; this goes over the keys themselves, so that of the file
that is written no single key can be left out. A key that is left out has its default.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

from conformance.exploring.draft import Draft, Senseless

Fails = Callable[[Draft], bool]

_SEEDS_TRIED: Final = 8
"""With a default mix in place of a key, or one customer in place of four, it may take another seed to show."""
_SEEDS_TRIED_FOR_FEWER_CUSTOMERS: Final = 64
"""A rare customer among four is to be met among the first customers of other seeds."""
_ROUNDS: Final = 100
"""A limit; ten are usual."""
_NEVER_LEFT_OUT: Final = (("backend",), ("backend", "phase"), ("customers",), ("customers", "count"))
_ENDS: Final = ("first", "until")

Place = tuple[str | int, ...]


def trimmed(draft: Draft, fails: Fails) -> Draft:
    """The draft with fewer keys and the same failure. `fails` says whether a draft has it; it is asked a bounded number
    of times."""
    for _ in range(_ROUNDS):
        smaller = next((one for one in _smaller(draft) if fails(one)), None)
        if smaller is None:
            return draft
        draft = smaller
    return draft


def _smaller(draft: Draft) -> Iterator[Draft]:
    """Sensible drafts that are quicker to read, those that save most first; at last the same with a lower seed."""
    found = [Draft(data, draft.seed) for data in _reductions(draft.data)]
    for one in sorted(found, key=lambda one: one.size):
        fewer = one.data["customers"]["count"] < draft.data["customers"]["count"]
        tried = _SEEDS_TRIED_FOR_FEWER_CUSTOMERS if fewer else _SEEDS_TRIED
        for seed in dict.fromkeys((draft.seed, *range(1, tried + 1))):
            candidate = Draft(one.data, seed)
            if _makes_sense(candidate):
                yield candidate
    yield from (Draft(draft.data, seed) for seed in range(1, min(draft.seed, _SEEDS_TRIED + 1)))


def _makes_sense(draft: Draft) -> bool:
    try:
        draft.variant()
    except Senseless:
        return False
    return True


def _reductions(data: Any) -> Iterator[dict[str, Any]]:
    """The data with one thing less: a key, an item of a list, all names of a mix but one, customers."""
    for place in _places(data, ()):
        if place not in _NEVER_LEFT_OUT and not _is_only_end(data, place):
            changed = copy.deepcopy(data)
            holder = _at(changed, place[:-1])
            del holder[place[-1]]
            _clear_empty(changed, place[:-1])
            yield changed
        value = _at(data, place)
        if _is_mix(value):
            for name in value:
                yield _with(data, place, name)
        if place == ("customers", "count"):
            yield from (_with(data, place, fewer) for fewer in range(1, value))


def _is_only_end(data: Any, place: Place) -> bool:
    """Whether that is what ends a fault: one without an end leaves nothing that must converge."""
    if place[0] != "faults" or place[-1] not in _ENDS:
        return False
    return sum(end in _at(data, place[:-1]) for end in _ENDS) == 1


def _places(value: Any, place: Place) -> Iterator[Place]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*place, key)
        yield from _places(inner, (*place, key))


def _at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def _with(data: Any, place: Place, value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = copy.deepcopy(data)
    _at(changed, place[:-1])[place[-1]] = value
    return changed


def _clear_empty(data: Any, place: Place) -> None:
    """What is empty now says nothing."""
    while place and place not in _NEVER_LEFT_OUT and not _at(data, place):
        del _at(data, place[:-1])[place[-1]]
        place = place[:-1]


def _is_mix(value: Any) -> bool:
    return isinstance(value, dict) and len(value) > 1 and all(isinstance(one, float) for one in value.values())
