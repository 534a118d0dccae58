"""Defects of zones: moved on too early, or never."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches
from sim.messages import Answer
from sim.store import Account, Purchase, Zone
from sim.subscriptions_api.envelope import Refusal
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.zones import Zones


def zone_made_pending(patch: Patches) -> None:
    """A new zone is past `initializing` from the start."""

    def make(original: Any) -> Any:
        def add(self: Zones, account: Account, zone_id: str, name: str, at_start: bool = False) -> Any:
            zone = original(self, account, zone_id, name, at_start)
            if not at_start:
                zone.status = "pending"
                self._ledger.note(account.id, "exact", API, "zone", zone_id, state="pending")
            return zone

        return add

    patch.wrap(Zones, "add", make)


def zone_born_pending(patch: Patches) -> None:
    """A new zone never was `initializing`."""

    def make(original: Any) -> Any:
        def add(self: Zones, account: Account, zone_id: str, name: str, at_start: bool = False) -> Any:
            if at_start:
                return original(self, account, zone_id, name, at_start)
            zone = account.zones[zone_id] = Zone(zone_id, name, "pending")
            self._ledger.note(account.id, "exact", API, "zone", zone_id, state="pending")
            return zone

        return add

    patch.wrap(Zones, "add", make)


def zone_moved_by_purchase(patch: Patches) -> None:
    """The purchase of its plan moves a zone on, paid or not."""

    def make(original: Any) -> Any:
        def await_payment(self: Ledger, account: Account, purchase: Purchase) -> None:
            original(self, account, purchase)
            for identifier in purchase.subscription_ids:
                zone = account.zones.get(account.subscriptions[identifier].zone_id or "")
                if zone is not None and zone.status == "initializing":
                    zone.status = "pending"
                    self.note(account.id, "exact", API, "zone", zone.id, identifier, state="pending")

        return await_payment

    patch.wrap(Ledger, "await_payment", make)


def zone_never_moved(patch: Patches) -> None:
    """Moving a zone on is refused for ever."""

    def stay(self: Zones, account: Account, asked: Any) -> Answer:
        raise Refusal(409, 1231, "the zone's plan is not paid")

    patch.replace(Zones, "patch", stay)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="zone-moved-on-as-soon-as-it-is-made",
        title="A new zone is past `initializing` from the start.",
        plant=zone_made_pending,
        shown_by=("new-zone",),
        finds=("zone-activated",),
    ),
    Defect(
        name="zone-never-initializing",
        title="A new zone never was `initializing`.",
        plant=zone_born_pending,
        shown_by=("new-zone",),
        finds=("zone-activated",),
    ),
    Defect(
        name="zone-moved-on-by-the-unpaid-purchase",
        title="The purchase of its plan moves a zone on, paid or not.",
        plant=zone_moved_by_purchase,
        shown_by=("new-zone",),
        finds=("zone-activated",),
    ),
    Defect(
        name="zone-stuck",
        title="Moving a zone on is refused for ever.",
        plant=zone_never_moved,
        shown_by=("new-zone",),
        finds=("zone-activated",),
    ),
)
