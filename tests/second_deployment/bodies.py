"""Reading what is asked for: the whole of it, before anything is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from scenarios.catalogue import (
    BY_ID,
    REGISTRAR,
    TLD_PRICES_MINOR,
    component_price_minor,
    is_offered,
    price_minor,
    registrar_price_minor,
)
from tests.second_deployment.records import Account, Line
from tests.second_deployment.refusals import not_fitting

_LEAST, _MOST = 50, 99_999_999
"""What Stripe charges at once, in cents."""
_DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def read_object(content: bytes, may_be_empty: bool = False) -> dict[str, Any]:
    if not content and may_be_empty:
        return {}
    try:
        body = json.loads(content.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise not_fitting("body", "it is no JSON") from None
    if body is None and may_be_empty:
        return {}
    if not isinstance(body, dict):
        raise not_fitting("body", "an object belongs here")
    return body


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON's")


def text(body: dict[str, Any], name: str, place: str = "", longest: int = 500, empty: bool = False) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > longest or not (value or empty) or not _encodable(value):
        raise not_fitting(place + name, f"a text of up to {longest} characters belongs here")
    return value


def optional_text(body: dict[str, Any], name: str, place: str = "") -> str | None:
    return None if body.get(name) is None else text(body, name, place)


def flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise not_fitting(name, "true or false belongs here")
    return value


def whole_number(body: dict[str, Any], name: str, place: str, least: int, most: int) -> int:
    value = body.get(name)
    if type(value) is not int or not least <= value <= most:
        raise not_fitting(place + name, f"a whole number from {least} to {most} belongs here")
    return value


def entries(body: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a list of 1 to 50, with its place for messages."""
    listed = body.get(name)
    if not isinstance(listed, list) or not 1 <= len(listed) <= 50:
        raise not_fitting(name, "a list of 1 to 50 belongs here")
    for number, entry in enumerate(listed):
        if not isinstance(entry, dict):
            raise not_fitting(f"{name}[{number}]", "an object belongs here")
        yield f"{name}[{number}].", entry


def plan_of(body: dict[str, Any], place: str = "") -> str:
    plan = body.get("rate_plan")
    if not isinstance(plan, dict):
        raise not_fitting(f"{place}rate_plan", "an object belongs here")
    name = text(plan, "id", f"{place}rate_plan.")
    if name not in BY_ID:
        raise not_fitting(f"{place}rate_plan.id", "nobody sells that")
    return name


def line_of(account: Account, body: dict[str, Any], place: str = "") -> Line:
    plan = plan_of(body, place)
    frequency = text(body, "frequency", place)
    if not is_offered(plan, frequency):
        raise not_fitting(f"{place}frequency", f"{plan} is not sold so")
    zone_id = optional_text(body, "zone_id", place)
    if zone_id is not None and zone_id not in account.zones:
        raise not_fitting(f"{place}zone_id", "there is no such zone in the account")
    quantity = 1 if body.get("quantity") is None else whole_number(body, "quantity", place, 1, 999_999)
    price = price_minor(plan, frequency, quantity)
    chargeable(price, f"{place}quantity")
    return Line(plan, frequency, price, zone_id, quantity)


def cart_of(account: Account, body: dict[str, Any]) -> list[Line]:
    lines = [line_of(account, entry, place) for place, entry in entries(body, "subscriptions")]
    chargeable(sum(line.price for line in lines), "subscriptions")
    return lines


def domains_of(body: dict[str, Any]) -> list[Line]:
    lines: list[Line] = []
    for place, entry in entries(body, "domains"):
        name = text(entry, "name", place, 253).lower()
        top = name.rpartition(".")[2]
        if not _DOMAIN.fullmatch(name) or top not in TLD_PRICES_MINOR or any(line.domain == name for line in lines):
            raise not_fitting(f"{place}name", "that is no domain that is sold, or it is there twice")
        years = whole_number(entry, "years", place, 1, 10)
        lines.append(Line(REGISTRAR, "yearly", registrar_price_minor(top, years), domain=name))
    return lines


def components_of(body: dict[str, Any], plan: str) -> tuple[dict[str, int], int]:
    """The units to add by name, and what they cost."""
    units: dict[str, int] = {}
    due = 0
    for place, entry in entries(body, "component_values"):
        name = text(entry, "name", place)
        value = whole_number(entry, "value", place, 1, _MOST)
        units[name] = units.get(name, 0) + value
        due += value * component_price_minor(plan, name)
    chargeable(due, "component_values")
    return units, due


def chargeable(amount: int, field: str) -> None:
    if amount and not _LEAST <= amount <= _MOST:
        raise not_fitting(field, f"{amount} cents cannot be charged")


def page_of(query: dict[str, str]) -> tuple[int, int]:
    def number(name: str, usual: int, least: int, most: int) -> int:
        given = query.get(name)
        if given is None:
            return usual
        if not (given.isascii() and given.isdigit() and len(given) < 9) or not least <= int(given) <= most:
            raise not_fitting(name, f"a whole number from {least} to {most} belongs here")
        return int(given)

    return number("page", 1, 1, 1_000_000), number("per_page", 20, 5, 50)


def days_of(query: dict[str, str]) -> tuple[float, float]:
    """The first moment that is asked for, and the last; a day stands for all of it."""
    return _bound(query, "from", "T00:00:00Z", float("-inf")), _bound(query, "to", "T23:59:59.999999Z", float("inf"))


def _bound(query: dict[str, str], name: str, rest_of_day: str, usual: float) -> float:
    given = query.get(name)
    if given is None:
        return usual
    given = given.replace(" ", "+")
    for spelt, read in ((given + rest_of_day, given), (given, "")):
        if read and not re.fullmatch(r"\d{4}-\d\d-\d\d", read):
            continue
        try:
            found = datetime.fromisoformat(spelt)
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    raise not_fitting(name, "a day or a moment belongs here")


def profile_of(body: dict[str, Any]) -> dict[str, Any]:
    """The members of a billing profile that are given; null empties one."""
    checks: dict[str, Callable[[Any], bool]] = {
        "name": lambda value: _short(value),
        "email": lambda value: _short(value) and (value == "" or "@" in value),
        "country": lambda value: isinstance(value, str) and re.fullmatch(r"([A-Za-z]{2})?", value) is not None,
        "address": lambda value: (
            _short(value) or (isinstance(value, dict) and all(_short(part) for part in (*value, *value.values())))
        ),
    }
    found: dict[str, Any] = {}
    for name, fits in checks.items():
        if name in body:
            value = "" if body[name] is None else body[name]
            if not fits(value):
                raise not_fitting(name, "that is not how it is written")
            found[name] = value
    return found


def _short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 500 and _encodable(value)


def _encodable(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
