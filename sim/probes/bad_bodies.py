"""What does not fit, operation by operation: bodies and queries, what is wrong with each, and what must come of it.

`refused`: the contract has it refused with 400, code 1001, by the name of the field. `answered`: the contract leaves
open what comes of it (other limits, unknown zones, empty names), and only a server error is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

Must = Literal["refused", "answered"]
JsonObject = dict[str, Any]

PLAN: Final[JsonObject] = {"id": "images"}
LINE: Final[JsonObject] = {"rate_plan": PLAN, "frequency": "monthly"}
CART: Final[JsonObject] = {"subscriptions": [LINE], "user_is_on_session": True}
ONE_LINE: Final[JsonObject] = {**LINE, "user_is_on_session": True}
CHANGE: Final[JsonObject] = {"rate_plan": {"id": "zone_business"}, "user_is_on_session": True}
UNITS: Final[JsonObject] = {"component_values": [{"name": "origins", "value": 1_000}], "user_is_on_session": True}
DOMAINS: Final[JsonObject] = {"domains": [{"name": "probed.com", "years": 1}], "user_is_on_session": True}
TO_CONFIRM: Final[JsonObject] = {"subscriptions": [LINE]}
PROFILE: Final[JsonObject] = {"name": "Somebody", "email": "somebody@example.com", "country": "DE"}
ZONE: Final[JsonObject] = {"name": "probed.example"}
STATUS: Final[JsonObject] = {"status": "pending"}
METHOD: Final[JsonObject] = {"payment_method_id": "pm_card_visa"}
DEBT: Final[JsonObject] = {"invoice_id": "in_probed"}


class BadBody(NamedTuple):
    """One body. `case` says in words what is wrong with it, `field` what the refusal must name; None: nothing."""

    case: str
    body: Any
    field: str | None
    must: Must = "refused"


def no_json() -> Iterator[BadBody]:
    """Bytes that are no JSON, and JSON that is no object: what no operation with a body can be asked with."""
    cut = b'{"subscriptions": [{"rate_plan": {"id": "images"}'
    for case, content in (
        ("a body that is cut short", cut),
        ("a body that is no JSON", b"subscriptions[0][rate_plan][id]=images"),
        ("NaN for a number", b'{"subscriptions": [{"quantity": NaN}]}'),
        ("a number beyond all", b'{"subscriptions": [{"quantity": 1e999}], "name": 1e999, "value": 1e999'),
        ("a body that is no UTF-8", b'{"name": "\xff\xfe", "status": "\xff"}'),
        ("lists without end", b"[" * 5_000),
        ("objects without end", b'{"subscriptions":' * 5_000),
    ):
        yield BadBody(case, content, None)
    for case, body in (("a list", [CART]), ("a text", "subscriptions"), ("a number", 7), ("true", True)):
        yield BadBody(f"{case} in place of an object", body, None)
    yield BadBody("null in place of an object", b"null", None)


def without(whole: Mapping[str, Any], name: str) -> BadBody:
    """A body that lacks a member that is required."""
    return BadBody(f"no {name}", {key: value for key, value in whole.items() if key != name}, name)


def wrongly(whole: Mapping[str, Any], name: str, *values: Any, must: Must = "refused") -> Iterator[BadBody]:
    """A body with something else than what a member may be."""
    for value in values:
        yield BadBody(f"{name} {_shown(value)}", {**whole, name: value}, name, must)


def of_lines(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """`subscriptions`, and what one line may not be."""
    yield without(whole, "subscriptions")
    yield from wrongly(whole, "subscriptions", [], {"0": LINE}, "images", 5, None, [LINE] * 51)
    for one in of_one_line(LINE):
        field = "subscriptions" if one.field is None else f"subscriptions[0].{one.field}"
        yield BadBody(one.case, {**whole, "subscriptions": [one.body]}, field, one.must)
    for value in (None, 5, "images", [LINE]):
        yield BadBody(f"a line that is {_shown(value)}", {**whole, "subscriptions": [value]}, "subscriptions")


def of_one_line(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What the members of a line may not be."""
    yield from of_plan(whole)
    yield without(whole, "frequency")
    yield from wrongly(whole, "frequency", "weekly", 1, ["monthly"], {}, None)
    yield from wrongly(whole, "quantity", 0, -1, 1.5, "2", True, [1], {})
    yield from wrongly(whole, "quantity", 10**12, None, must="answered")
    yield from wrongly(whole, "zone_id", 5, ["zone"], {}, True)
    yield from wrongly(whole, "zone_id", "no-such-zone", "z" * 5_000, "", must="answered")


def of_plan(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What a rate plan may not be."""
    yield without(whole, "rate_plan")
    yield from wrongly(whole, "rate_plan", "images", 5, [PLAN], None)
    for value in ("no_such_plan", 5, None, "", {"id": "images"}, "i" * 50_000, "images\x00", "images'; --"):
        case = f"rate_plan.id {_shown(value)}"
        yield BadBody(case, {**whole, "rate_plan": {"id": value}}, "rate_plan.id")
    yield BadBody("a rate_plan without id", {**whole, "rate_plan": {}}, "rate_plan.id")


def of_purchase(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What goes with every purchase: whether somebody is there, and what it is paid with."""
    yield without(whole, "user_is_on_session")
    yield from wrongly(whole, "user_is_on_session", "yes", 1, [], {}, None)
    yield from wrongly(whole, "payment_method_id", 5, ["pm_card_visa"], {"id": "pm_card_visa"}, True, "pm_nobodys")
    yield from wrongly(whole, "payment_method_id", "p" * 5_000, "", "pm_\u0000", "../customers", must="answered")


def of_components(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What more units may not be."""
    yield without(whole, "component_values")
    yield from wrongly(whole, "component_values", [], {}, "origins", 5, None)
    values: tuple[Any, ...] = (0, -1, 1.5, "2", None, True, [])
    for value in values:
        units = {"name": "origins", "value": value}
        yield BadBody(f"value {_shown(value)}", {**whole, "component_values": [units]}, "component_values[0].value")
    yield BadBody("a component that is a text", {**whole, "component_values": ["origins"]}, "component_values")


def of_domains(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What domains may not be."""
    yield without(whole, "domains")
    yield from wrongly(whole, "domains", [], {}, "probed.com", 5, None)
    names: tuple[Any, ...] = (None, 5, ["probed.com"], "", "no domain", "http://probed.com/")
    for value in names:
        entry: JsonObject = {"name": value, "years": 1}
        yield BadBody(f"a domain named {_shown(value)}", {**whole, "domains": [entry]}, "domains[0].name")
    for years in (0, -1, 1.5, "1", None, True):
        entry = {"name": "probed.com", "years": years}
        yield BadBody(f"years {_shown(years)}", {**whole, "domains": [entry]}, "domains[0].years")
    yield BadBody("a domain that is a text", {**whole, "domains": ["probed.com"]}, "domains")


def of_profile(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What a billing profile may not hold."""
    for name in ("name", "email", "country"):
        yield from wrongly(whole, name, 5, ["somebody"], {"is": "somebody"}, True)
    yield from wrongly(whole, "address", 5, True, [5])
    yield from wrongly(whole, "email", "nobody", must="answered")
    yield from wrongly(whole, "country", "Germany", must="answered")
    yield from wrongly(whole, "name", "n" * 50_000, must="answered")


def of_zone(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What a zone may not be called."""
    yield without(whole, "name")
    yield from wrongly(whole, "name", 5, ["probed.example"], {}, None, True)
    yield from wrongly(whole, "name", "", "n" * 50_000, "a\u0000b", "\u202e", must="answered")


def of_zone_status(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What a zone cannot be moved to."""
    yield from wrongly(whole, "status", 5, ["pending"], {}, True, "sold")
    yield from wrongly(whole, "status", None, must="answered")


def of_method(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What cannot be put on file."""
    yield without(whole, "payment_method_id")
    yield from wrongly(whole, "payment_method_id", 5, ["pm_card_visa"], {}, None, True, "pm_nobodys")
    yield from wrongly(whole, "payment_method_id", "p" * 5_000, "pm_\u0000", "../customers", must="answered")


def of_debt(whole: Mapping[str, Any]) -> Iterator[BadBody]:
    """What names no invoice."""
    yield without(whole, "invoice_id")
    yield from wrongly(whole, "invoice_id", 5, ["in_probed"], {}, None, True)


HISTORY_QUERIES: Final[tuple[tuple[str, Mapping[str, str], str | None, Must], ...]] = (
    ("page 'first'", {"page": "first"}, "page", "refused"),
    ("page 1.5", {"page": "1.5"}, "page", "refused"),
    ("per_page 'all'", {"per_page": "all"}, "per_page", "refused"),
    ("from 'yesterday'", {"from": "yesterday"}, "from", "refused"),
    ("from 2026-02-30", {"from": "2026-02-30"}, "from", "refused"),
    ("to 2026-13-01", {"to": "2026-13-01"}, "to", "refused"),
    ("page 0", {"page": "0"}, None, "answered"),
    ("page -1", {"page": "-1"}, None, "answered"),
    ("page 10^30", {"page": "1" + "0" * 30}, None, "answered"),
    ("per_page 1000", {"per_page": "1000"}, None, "answered"),
    ("per_page 0", {"per_page": "0"}, None, "answered"),
    ("from after to", {"from": "2026-01-31", "to": "2026-01-01"}, None, "answered"),
    ("an empty from", {"from": ""}, None, "answered"),
    ("from in the year 0", {"from": "0000-01-01"}, None, "answered"),
)
"""Bad queries of the billing history: what is wrong, the query, the field that must be named, and what must come."""


def _shown(value: Any) -> str:
    text = repr(value)
    if isinstance(value, str) and len(value) > 40:
        return f"of {len(value)} characters"
    if isinstance(value, list) and len(value) > 2:
        return f"of {len(value)} entries"
    return text if len(text) <= 50 else text[:47] + "..."
