"""A defect is there while it is planted, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sim
from conformance.defects import DEFECTS, Defect, planted
from conformance.defects.planting import Patches
from sim.billing_webhooks import service
from sim.subscriptions_api import collection, envelope, expiry, purchases
from sim.subscriptions_api.expiry import Expiry
from sim.subscriptions_api.gate import Gate

_OWNERS = (service, collection, envelope, expiry, purchases, Expiry, Gate)


def attributes() -> Iterator[tuple[Any, str, int]]:
    for owner in _OWNERS:
        yield from ((owner, name, id(value)) for name, value in sorted(vars(owner).items()) if name != "__builtins__")


def defect(**settings: Any) -> Defect:
    usual = {"name": "some-defect", "title": "Some defect.", "finds": ("charged-once",), "shown_by": ("busy-hour",)}
    return Defect(**{"plant": lambda patches: None, **usual, **settings})


class Owner:
    kept = 1

    @staticmethod
    def static() -> str:
        return "static"


class Heir(Owner):
    pass


def test_what_was_replaced_comes_back_as_it_was() -> None:
    before = dict(vars(Owner))
    patches = Patches()
    patches.replace(Owner, "kept", 2)
    patches.wrap(Owner, "kept", lambda value: value + 1)
    patches.replace(Owner, "static", staticmethod(lambda: "other"))
    assert (Owner.kept, Owner.static()) == (3, "other")
    patches.undo()
    assert dict(vars(Owner)) == before


def test_what_was_inherited_is_inherited_again() -> None:
    patches = Patches()
    patches.replace(Heir, "kept", 2)
    assert (Heir.kept, Owner.kept) == (2, 1)
    patches.undo()
    assert "kept" not in vars(Heir)


def test_an_attribute_that_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="gone"):
        Patches().replace(Owner, "gone", 1)
    with pytest.raises(AttributeError, match="gone"):
        Patches().wrap(sim, "gone", lambda value: value)


@pytest.mark.parametrize("one", DEFECTS.values(), ids=lambda one: one.name)
def test_every_defect_changes_something_and_leaves_nothing_behind(one: Defect) -> None:
    patches = Patches()
    changed: list[tuple[Any, str, Any]] = []
    replace = patches.replace

    def noted(owner: Any, name: str, value: Any) -> None:
        changed.append((owner, name, vars(owner).get(name)))
        replace(owner, name, value)

    patches.replace = noted  # type: ignore[method-assign]
    one.plant(patches)
    assert changed
    assert all(vars(owner)[name] is not before for owner, name, before in changed)
    patches.undo()
    for owner, name, before in changed[:1]:
        assert vars(owner).get(name) is before


def _fails(changed: bool) -> None:
    assert changed
    raise ZeroDivisionError


def test_a_failure_while_it_is_planted_leaves_nothing_behind() -> None:
    before = list(attributes())
    with pytest.raises(ZeroDivisionError), planted(DEFECTS["signature-not-checked"], DEFECTS["nothing-expires"]):
        _fails(list(attributes()) != before)
    assert list(attributes()) == before


def test_a_plant_that_fails_half_way_leaves_nothing_behind() -> None:
    def half(patches: Patches) -> None:
        patches.replace(Owner, "kept", 2)
        patches.replace(Owner, "gone", 2)

    with pytest.raises(AttributeError), planted(defect(plant=half)):
        raise AssertionError("it must not come to this")
    assert Owner.kept == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "Some defect"}, "lower-case words"),
        ({"finds": ("charged-twice",)}, "'charged-twice'"),
        ({"also": ("charged-twice",)}, "'charged-twice'"),
        ({"unseen": {"charged-twice": "why"}}, "'charged-twice'"),
        ({"unseen": {"no-rollback": "why"}}, "'no-rollback'"),
        ({"finds": ()}, "breaks no property"),
    ],
)
def test_a_catalogue_that_names_what_does_not_exist_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        defect(**settings)


def test_what_is_unseen_is_not_asked_for_from_outside() -> None:
    one = defect(finds=("charged-once", "no-rollback"), unseen={"no-rollback": "why"})
    assert one.finds_outside == ("charged-once",)
