"""Which defects are meant: names of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gatefall.mistakes import unknown_name

if TYPE_CHECKING:
    from conformance.defects import Defect


def defects_named(names: Iterable[str]) -> tuple[Defect, ...]:
    """The defects of these names, each once, in the order given. Raises Mistake for a name that does not exist."""
    from conformance.defects import DEFECTS

    found: dict[str, Defect] = {}
    for name in names:
        if name not in DEFECTS:
            raise unknown_name("defect", name, DEFECTS, "gatefall list defects")
        found[name] = DEFECTS[name]
    return tuple(found.values())
