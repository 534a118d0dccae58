"""Item separation: subscriptions go to bulk create, domains to registrar checkout, changes to update and append."""

from __future__ import annotations

from typing import Any

from scenarios.catalogue import REGISTRAR
from scenarios.scenario import Line
from sim.clients.reply import member_of, objects_in
from sim.customers.basket import line_body
from sim.customers.ending import Ending
from sim.customers.front_end import FrontEnd
from sim.customers.part import IN_FORCE, Part, lines_list
from sim.customers.refusal import ended_by
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Program


class Separation:
    """Makes the parts of one cart. `new_zones`: ids of the zones that were created for it."""

    __slots__ = ("_front", "_session", "_shopper", "new_zones", "parts")

    def __init__(self, shopper: Shopper, session: Session, front: FrontEnd) -> None:
        self._shopper = shopper
        self._session = session
        self._front = front
        self.parts: list[Part] = []
        self.new_zones: list[str] = []

    def run(self) -> Program[Ending | None]:
        """Make the cart's requests: subscriptions in bulk, domains by registrar checkout, changes one by one."""
        basket = self._shopper.basket
        session = self._session
        addresses = session.addresses
        if basket.lines:
            lines = basket.lines
            if basket.needs_zones:
                made = yield from self._lines_with_zones()
                if isinstance(made, Ending):
                    return made
                lines = made
            expects = tuple(line["rate_plan"]["id"] for line in lines)
            self.parts.append(
                Part("bulk_create", "POST", addresses.bulk, {"subscriptions": lines_list(lines)}, expects, lines)
            )
        if basket.domains:
            domains = [
                {"name": self._domain_name(n, one.name, one.tld), "years": one.years}
                for n, one in enumerate(basket.domains)
            ]
            expects = (REGISTRAR,) * len(domains)
            self.parts.append(Part("registrar_checkout", "POST", addresses.registrar, {"domains": domains}, expects))
        if basket.held:
            return (yield from self._separate_changes())
        return None

    def _separate_changes(self) -> Program[Ending | None]:
        """An upgrade or an append changes a subscription in force, which the page lists first."""
        basket = self._shopper.basket
        addresses = self._session.addresses
        listed, error = yield from self._front.query("list_subscriptions", addresses.subscriptions)
        if error is not None:
            return ended_by(error, "the subscriptions could not be listed", self._session)
        if basket.upgrade is not None:
            change = basket.upgrade
            identifier = _held(listed, change.from_plan)
            if identifier is not None:
                members: dict[str, Any] = {"rate_plan": {"id": change.to_plan}}
                path = f"{addresses.subscriptions}/{identifier}"
                self.parts.append(Part("update", "PUT", path, members, (change.to_plan,)))
            elif _held(listed, change.to_plan) is None:  # else the customer has come back, and had it before
                return self._nothing_to_change(change.from_plan)
        if basket.append is not None:
            more = basket.append
            identifier = _held(listed, more.rate_plan)
            if identifier is None:
                return self._nothing_to_change(more.rate_plan)
            members = {"component_values": [{"name": more.component, "value": more.value}]}
            path = f"{addresses.subscriptions}/{identifier}/action/append"
            self.parts.append(Part("append", "POST", path, members, (more.rate_plan,), shows=False))
        return None

    def _nothing_to_change(self, rate_plan: str) -> Ending:
        self._session.shown("failure", f"there is no {rate_plan} in force to change")
        return Ending("error", f"there is no {rate_plan} in force to change")

    def _lines_with_zones(self) -> Program[tuple[dict[str, Any], ...] | Ending]:
        """The lines with the zones they are for; new zones are created first."""
        session = self._session
        existing = iter(session.zones)
        lines: list[dict[str, Any]] = []
        for number, line in enumerate(self._shopper.basket.zone_lines):
            zone_id: str | None = None
            if line.zone == "existing":
                zone_id = next(existing, None)
            if line.zone != "none" and zone_id is None:
                made = yield from self._create_zone(number, line)
                if isinstance(made, Ending):
                    return made
                zone_id = made
            lines.append(line_body(line, zone_id))
        return tuple(lines)

    def _create_zone(self, number: int, line: Line) -> Program[str | Ending]:
        session = self._session
        if not session.population.creates_zones:
            session.shown("refused", "new zones cannot be created")
            return Ending("refused", "new zones cannot be created")
        name = f"shop{self._shopper.index}-{session.attempts}-{number}.example.net"
        result, error = yield from self._front.persist("create_zone", "POST", session.addresses.zones, {"name": name})
        if error is not None:
            return ended_by(error, "the zone was not created", session)
        zone_id = member_of(result, "id")
        if type(zone_id) is not str:
            session.shown("failure", "the zone came without an id")
            return Ending("error", "the zone came without an id")
        if line.zone == "new":
            self.new_zones.append(zone_id)
        return zone_id

    def _domain_name(self, number: int, name: str, tld: str) -> str:
        if name != "auto":
            return name
        return f"shop{self._shopper.index}-{self._session.attempts}-{number}.{tld}"


def _held(listed: Any, rate_plan: str) -> str | None:
    """The subscription in force of a rate plan."""
    for subscription in objects_in(listed):
        plan = subscription.get("rate_plan")
        identifier = subscription.get("id")
        in_force = subscription.get("state") in IN_FORCE
        if in_force and type(plan) is dict and plan.get("id") == rate_plan and type(identifier) is str:
            return identifier
    return None
