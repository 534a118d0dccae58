"""A journal that forgets: a server that nobody judges keeps no facts."""

from __future__ import annotations

from typing import Any

from sim.facts import Journal


class NoJournal(Journal):
    """Takes facts and keeps none."""

    __slots__ = ()

    def note(self, *fact: Any, **named: Any) -> None:
        """Forget it."""
