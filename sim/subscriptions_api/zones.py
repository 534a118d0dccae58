"""Zones: the sites of an account, on which zone plans are bought."""

from __future__ import annotations

from sim.facts import EXACT
from sim.messages import Answer
from sim.store import IN_FORCE, Account, Zone
from sim.subscriptions_api import views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.body import mapping_of, not_fitting, required_text, shown
from sim.subscriptions_api.envelope import NOT_FOUND, WRONG_STATE, Refusal, success
from sim.subscriptions_api.ledger import API, Ledger


class Zones:
    """Operations on zones. A zone leaves `initializing` only once a plan on it is in force."""

    __slots__ = ("_ledger",)

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def create(self, account: Account, asked: Asked) -> Answer:
        """POST /zones. The name of a zone that exists is answered with that zone, so that a repeat does no harm."""
        name = required_text(mapping_of(asked.body), "name")
        for zone in account.zones.values():
            if zone.name == name:
                return success(views.zone(zone))
        zone = self.add(account, account.zone_id(), name)
        return success(views.zone(zone))

    def add(self, account: Account, zone_id: str, name: str, at_start: bool = False) -> Zone:
        """A new zone; one that the account is made with is past `initializing`."""
        zone = Zone(zone_id, name, "pending" if at_start else "initializing")
        account.zones[zone_id] = zone
        detail = {"at_start": True} if at_start else None
        self._ledger.note(account.id, EXACT, API, "zone", zone_id, state=zone.status, detail=detail)
        return zone

    def get(self, account: Account, asked: Asked) -> Answer:
        """GET /zones/{id}."""
        return success(views.zone(_zone_of(account, asked.identifier)))

    def patch(self, account: Account, asked: Asked) -> Answer:
        """PATCH /zones/{id}: on to `pending`. Raises Refusal (409) while its plan is unpaid."""
        zone = _zone_of(account, asked.identifier)
        status = mapping_of(asked.body).get("status")
        if status != "pending":
            raise not_fitting("status", f"{shown(status)} is not a status to set: expected 'pending'")
        if zone.status != "pending":
            plan = next(
                (
                    subscription
                    for subscription in account.subscriptions.values()
                    if subscription.zone_id == zone.id and subscription.state in IN_FORCE
                ),
                None,
            )
            if plan is None:
                raise Refusal(409, WRONG_STATE, "the zone's plan is not paid: it stays initializing until then")
            zone.status = "pending"
            self._ledger.note(account.id, EXACT, API, "zone", zone.id, plan.id, state="pending")
        return success(views.zone(zone))


def _zone_of(account: Account, identifier: str) -> Zone:
    zone = account.zones.get(identifier)
    if zone is None:
        raise Refusal(404, NOT_FOUND, f"zone {identifier[:60]!r} does not exist in this account")
    return zone
