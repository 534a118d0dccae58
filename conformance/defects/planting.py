"""Planting a defect: classes and modules of the services are changed for a while, in this process, and changed back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from conformance.defects.defect import Defect

_ABSENT: Final = object()


class Patches:
    """What was changed, so that it can be changed back. Used up once it has been undone."""

    def __init__(self) -> None:
        self._undo = ExitStack()

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Put `value` in the place of a class's or a module's attribute. Raises AttributeError if there is none."""
        getattr(owner, name)
        before = vars(owner).get(name, _ABSENT)  # as it is kept there: a static method stays one
        if before is _ABSENT:
            self._undo.callback(delattr, owner, name)
        else:
            self._undo.callback(setattr, owner, name, before)
        setattr(owner, name, value)

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put what `make` makes of the attribute in its place. Raises AttributeError if there is none."""
        self.replace(owner, name, make(getattr(owner, name)))

    def undo(self) -> None:
        """Everything is as it was, whatever was changed on top of what."""
        self._undo.close()


Plant = Callable[[Patches], None]
"""Changes as little as it can. Its docstring says the bug in words."""


@contextmanager
def planted(*defects: Defect) -> Iterator[None]:
    """The defects are switched on in this process while the context lasts, and for deployments made within it.

    What a defect remembers, such as a cache, is empty at the start. Raises AttributeError where a service has no such
    attribute any more; nothing is changed then.
    """
    patches = Patches()
    try:
        for defect in defects:
            defect.plant(patches)
        yield
    finally:
        patches.undo()
