"""Reading request bodies: every refusal is a 400, code 1001, whose message names the field."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from scenarios.catalogue import BY_ID, NotOffered, frequencies, price_minor, registrar_price_minor
from sim.store import Account
from sim.subscriptions_api.envelope import NOT_FITTING, Refusal

MAX_LINES: Final = 50
_MAX_AMOUNT_MINOR: Final = 99_999_999
"""The largest amount of one intent. Source: Stripe's documentation of amounts (eight digits)."""
_MIN_AMOUNT_MINOR: Final = 50
"""The least amount of one intent, in US cents. Source: Stripe's documentation of minimum charges."""
CHARGEABLE: Final = f"from {_MIN_AMOUNT_MINOR} to {_MAX_AMOUNT_MINOR} minor units"
"""What Stripe charges at once, for a message."""
_MAX_TEXT: Final = 500
_MAX_QUANTITY: Final = 999_999
"""The largest quantity of one line. Source: the largest that Stripe's Checkout takes."""
_MAX_YEARS: Final = 10
"""Longest registration of a domain. Source: registries sell at most ten years."""


class Line:
    """One line of a cart, read and priced."""

    __slots__ = ("domain", "frequency", "price_minor", "quantity", "rate_plan", "signature", "zone_id")

    def __init__(
        self,
        rate_plan: str,
        frequency: str,
        zone_id: str | None,
        quantity: int,
        amount_minor: int,
        domain: str | None = None,
    ) -> None:
        self.rate_plan = rate_plan
        self.frequency = frequency
        self.zone_id = zone_id
        self.quantity = quantity
        self.price_minor = amount_minor
        self.domain = domain
        self.signature = (rate_plan, zone_id or domain or "", frequency, quantity, amount_minor)
        """What makes a line the same line again."""


def not_fitting(field: str, what: str) -> Refusal:
    """The refusal of a body, naming the field."""
    return Refusal(400, NOT_FITTING, f"{field}: {what}")


def shown(value: Any) -> str:
    """A value of the caller's in a message: short, and never more than it takes to recognise it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def mapping_of(body: Any) -> Mapping[str, Any]:
    """The body as an object; bytes are undecoded JSON. Raises Refusal."""
    if body.__class__ is dict:
        return body
    if isinstance(body, bytes):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise not_fitting("body", f"malformed JSON ({error})") from None
    if not isinstance(body, Mapping):
        raise not_fitting("body", "expected a JSON object")
    return body


def on_session_of(body: Mapping[str, Any]) -> bool:
    value = body.get("user_is_on_session")
    if value is True or value is False:
        return value
    if value is None:
        raise not_fitting("user_is_on_session", "is required: true or false")
    raise not_fitting("user_is_on_session", f"{shown(value)} is not a boolean")


def optional_text(body: Mapping[str, Any], field: str) -> str | None:
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > _MAX_TEXT:
        raise not_fitting(field, f"{shown(value)} is not a text of 1 to {_MAX_TEXT} characters")
    return value


def required_text(body: Mapping[str, Any], field: str) -> str:
    value = optional_text(body, field)
    if value is None:
        raise not_fitting(field, "is required")
    return value


def rate_plan_of(body: Mapping[str, Any], where: str) -> str:
    """`rate_plan.id`, a product of the catalogue."""
    rate_plan = body.get("rate_plan")
    if rate_plan.__class__ is not dict and not isinstance(rate_plan, Mapping):
        raise not_fitting(f"{where}rate_plan", "is required: {'id': …}")
    identifier = rate_plan.get("id")
    if not isinstance(identifier, str) or identifier not in BY_ID:
        raise not_fitting(f"{where}rate_plan.id", f"{shown(identifier)} is no rate plan of the catalogue")
    return identifier


def line_of(account: Account, body: Any, where: str = "") -> Line:
    """One line. `where` is put before the field names, as in "subscriptions[2]."."""
    if body.__class__ is not dict and not isinstance(body, Mapping):
        raise not_fitting(where.rstrip(".") or "body", "expected a JSON object")
    rate_plan = rate_plan_of(body, where)
    frequency = body.get("frequency")
    quantity = body.get("quantity", 1)
    if quantity.__class__ is not int or not 1 <= quantity <= _MAX_QUANTITY:
        raise not_fitting(f"{where}quantity", f"{shown(quantity)} is not a whole number from 1 to {_MAX_QUANTITY}")
    zone_id = body.get("zone_id")
    if zone_id is not None and (not isinstance(zone_id, str) or zone_id not in account.zones):
        raise not_fitting(f"{where}zone_id", f"{shown(zone_id)} is no zone of this account")
    if not isinstance(frequency, str):
        raise not_fitting(f"{where}frequency", f"{shown(frequency)} is neither monthly nor yearly")
    try:
        return _priced(rate_plan, frequency, zone_id, quantity)
    except NotOffered:
        offered = " or ".join(frequencies(rate_plan))
        raise not_fitting(
            f"{where}frequency", f"{shown(frequency)} is not offered for {rate_plan}: {offered}"
        ) from None


@lru_cache(maxsize=1024)
def _priced(rate_plan: str, frequency: str, zone_id: str | None, quantity: int) -> Line:
    """That line; the same few are bought again and again, and nobody changes one. Raises NotOffered."""
    return Line(rate_plan, frequency, zone_id, quantity, price_minor(rate_plan, frequency, quantity))


def lines_of(account: Account, body: Mapping[str, Any]) -> list[Line]:
    """`subscriptions`, the lines of a cart."""
    entries = _list_of(body, "subscriptions")
    lines: list[Line] = []
    total_minor = 0
    for index, entry in enumerate(entries):
        line = line_of(account, entry, f"subscriptions[{index}].")
        lines.append(line)
        total_minor += line.price_minor
    check_total("subscriptions", total_minor)
    return lines


def domains_of(body: Mapping[str, Any]) -> list[Line]:
    """`domains`, the lines of a registrar checkout."""
    lines: list[Line] = []
    names: dict[str, int] = {}
    for index, entry in enumerate(_list_of(body, "domains")):
        line = _domain_of(entry, f"domains[{index}]")
        assert line.domain is not None
        first = names.setdefault(line.domain, index)
        if first != index:
            raise not_fitting(f"domains[{index}].name", f"{line.domain} stands in domains[{first}] already")
        lines.append(line)
    check_total("domains", sum([line.price_minor for line in lines]))
    return lines


def _domain_of(entry: Any, where: str) -> Line:
    if not isinstance(entry, Mapping):
        raise not_fitting(where, "expected a JSON object")
    name = entry.get("name")
    if not isinstance(name, str) or not _is_domain(name):
        raise not_fitting(f"{where}.name", f"{shown(name)} is no domain name")
    years = entry.get("years")
    if years.__class__ is not int or not 1 <= years <= _MAX_YEARS:
        raise not_fitting(f"{where}.years", f"{shown(years)} is not a whole number from 1 to {_MAX_YEARS}")
    name = name.lower()
    try:
        amount_minor = registrar_price_minor(name.rsplit(".", 1)[1], years)
    except NotOffered as error:
        raise not_fitting(f"{where}.name", str(error)) from None
    return Line("registrar", "yearly", None, 1, amount_minor, name)


def _is_domain(name: str) -> bool:
    labels = name.split(".")
    return (
        len(labels) >= 2
        and len(name) <= 253
        and name.isascii()
        and all(
            1 <= len(label) <= 63 and label.replace("-", "").isalnum() and label[0] != "-" and label[-1] != "-"
            for label in labels
        )
    )


def components_of(body: Mapping[str, Any]) -> dict[str, int]:
    """`component_values`: how many more units of each component."""
    values: dict[str, int] = {}
    for index, entry in enumerate(_list_of(body, "component_values")):
        where = f"component_values[{index}]"
        if not isinstance(entry, Mapping):
            raise not_fitting(where, "expected a JSON object")
        name, value = entry.get("name"), entry.get("value")
        if not isinstance(name, str) or not name or len(name) > _MAX_TEXT:
            raise not_fitting(f"{where}.name", f"{shown(name)} is not a text of 1 to {_MAX_TEXT} characters")
        if value.__class__ is not int or value < 1:
            raise not_fitting(f"{where}.value", f"{shown(value)} is not a whole number from 1 on")
        values[name] = values.get(name, 0) + value
    return values


def check_total(field: str, amount_minor: int) -> None:
    """Refuse what Stripe could not charge at once. Nothing at all need not be charged."""
    if amount_minor and not is_chargeable(amount_minor):
        raise not_fitting(field, f"{amount_minor} minor units are due: at once can be charged {CHARGEABLE}")


def is_chargeable(amount_minor: int) -> bool:
    """Whether Stripe can charge that amount at once."""
    return _MIN_AMOUNT_MINOR <= amount_minor <= _MAX_AMOUNT_MINOR


def _list_of(body: Mapping[str, Any], field: str) -> list[Any]:
    entries = body.get(field)
    if not isinstance(entries, list) or not entries:
        raise not_fitting(field, "is required: a list with at least one element")
    if len(entries) > MAX_LINES:
        raise not_fitting(field, f"{len(entries)} elements: at most {MAX_LINES}")
    return entries
