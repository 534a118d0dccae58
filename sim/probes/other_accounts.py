"""Another account's ids, its name in the path, its idempotency keys, and credentials that are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sim.clients.stripe_client import StripeClient
from sim.customers.cards import CARD_DATA
from sim.effects import Program
from sim.probes.probe import Probe
from sim.probes.probe_client import ProbeClient
from sim.probes.prober import Prober
from sim.probes.purchase import buy, cart, come_to_rest, ids, line

_OURS: Final = "workers_paid"
_THEIRS: Final = "zone_pro"
_WITH_KEY: Final = "images"
"""Plans that can be told apart, so that nobody takes one account's purchase for the other's."""
_ON_SESSION: Final = {"user_is_on_session": True}
_NAMED: Final[tuple[tuple[str, str, str, Any], ...]] = (
    ("list_subscriptions", "GET", "/subscriptions", None),
    ("entitlements", "GET", "/entitlements", None),
    ("payment_methods", "GET", "/payment-methods", None),
    ("profile_get", "GET", "/billing/profile", None),
    ("profile_update", "PUT", "/billing/profile", {"name": "Somebody Else"}),
    ("profile_create", "POST", "/billing/profile", {"name": "Somebody Else"}),
    ("billing_history", "GET", "/billing/history", None),
    ("create_zone", "POST", "/zones", {"name": "somebody-else.example.com"}),
    ("setup_payment_method", "POST", "/billing/profile/payment-method", {}),
    ("bulk_create", "POST", "/bulk/subscriptions", cart(line("queues"))),
    ("create", "POST", "/subscriptions", {**line("queues"), **_ON_SESSION}),
    ("pre_auth", "POST", "/billing/pre_auth/stripe_payment_intent", {"subscriptions": [line("queues")]}),
)
"""Operations that name nothing of the account's: what else they do to it, an account in the path decides alone."""


@dataclass(frozen=True)
class Things:
    """What an account has, by id."""

    subscription: str
    zone: str
    payment_method: str
    invoice: str


def _program(prober: Prober) -> Program[None]:
    neighbour = prober.neighbour
    if neighbour is None:
        prober.unreachable("foreign_id", "there is no second account")
        return
    yield from _put_spare_on_file(neighbour)
    keys = [f"{prober.session.next_key()}-shared-{number}" for number in (1, 2)]
    theirs = yield from _settle_in(neighbour, _THEIRS)
    yield from buy(neighbour, cart(line(_WITH_KEY)), keys[0])
    yield from buy(neighbour, cart(line(_WITH_KEY, quantity=2)), keys[1])
    ours = yield from _settle_in(prober.client, _OURS)
    rests = yield from come_to_rest(neighbour)
    if theirs is None or ours is None or not rests:
        prober.unreachable("foreign_id", "the accounts could not be furnished with things that have ids")
        return
    yield from prober.look("before")
    yield from _name_things(prober, theirs, ours)
    yield from _name_account(prober, neighbour.session.account_id, theirs)
    yield from _come_with_no_credential(prober, ours)
    yield from prober.look("after")
    yield from _use_keys(prober, keys)
    for client in (neighbour, prober.client):
        path = client.session.addresses.setup
        yield from client.ask("setup_payment_method", "POST", path, {}, tries="purchase")


def _put_spare_on_file(client: ProbeClient) -> Program[None]:
    """A payment method that nothing depends on: one that is needed is not removed, whoever asks."""
    nonce = yield from StripeClient(client.session).create_payment_method(CARD_DATA["succeeds"])
    if isinstance(nonce, str):
        path = client.session.addresses.payment_methods
        yield from client.ask("add_payment_method", "POST", path, {"payment_method_id": nonce}, tries="purchase")


def _settle_in(client: ProbeClient, rate_plan: str) -> Program[Things | None]:
    """Buy a plan on a zone of the account's own; None where not everything of it can be named then."""
    session = client.session
    addresses = session.addresses
    name = {"name": f"{rate_plan.replace('_', '-')}.example.com"}
    made = yield from client.ask("create_zone", "POST", addresses.zones, name, tries="purchase")
    zone = made.member("id")
    plan = line(rate_plan, zone_id=zone) if isinstance(zone, str) and rate_plan == _THEIRS else line(rate_plan)
    yield from buy(client, cart(plan), session.next_key())
    yield from come_to_rest(client)
    subscriptions = yield from client.ask("list_subscriptions", "GET", addresses.subscriptions, tries="wait")
    methods = yield from client.ask("payment_methods", "GET", addresses.payment_methods, tries="wait")
    invoices = yield from client.ask("billing_history", "GET", f"{addresses.prefix}/billing/history", tries="wait")
    found = [ids(reply) for reply in (subscriptions, methods, invoices)]
    if not isinstance(zone, str) or not all(found):
        return None
    spare = [str(one["id"]) for one in methods.objects() if one.get("is_default") is False and "id" in one]
    return Things(found[0][0], zone, (spare or found[1])[0], found[2][0])


def _name_things(prober: Prober, theirs: Things, ours: Things) -> Program[None]:
    """Every place that takes an id gets one of the neighbour's, unless the account has one of the same name."""
    assert prober.neighbour is not None
    owner = prober.neighbour.session.account_id
    for what, operation, method, below, body in _places(theirs, ours):
        identifier = getattr(theirs, what)
        if identifier == getattr(ours, what):
            continue
        about = {"what": what.replace("_", " "), "id": identifier, "owner": owner}
        yield from prober.client.ask(
            operation, method, prober.path(below), body, tries="foreign_id", about=about, key=None
        )


Place = tuple[str, str, str, str, Any]
"""What is named, the operation, method and path, and the body."""


def _places(theirs: Things, ours: Things) -> Iterator[Place]:
    yield from _places_of_subscriptions(f"/subscriptions/{theirs.subscription}")
    yield from _places_of_zones(theirs.zone)
    yield from _places_of_payment_methods(theirs.payment_method, ours)
    yield from _places_of_invoices(theirs.invoice)


def _places_of_subscriptions(path: str) -> Iterator[Place]:
    yield "subscription", "cancel", "DELETE", path, None
    yield "subscription", "update", "PUT", path, {"rate_plan": {"id": "zone_business"}, **_ON_SESSION}
    more = {"component_values": [{"name": "seats", "value": 1}], **_ON_SESSION}
    yield "subscription", "append", "POST", f"{path}/action/append", more


def _places_of_zones(zone: str) -> Iterator[Place]:
    yield "zone", "get_zone", "GET", f"/zones/{zone}", None
    yield "zone", "patch_zone", "PATCH", f"/zones/{zone}", {"status": "pending"}
    plan = line(_THEIRS, zone_id=zone)
    yield "zone", "bulk_create", "POST", "/bulk/subscriptions", cart(plan)
    yield "zone", "create", "POST", "/subscriptions", {**plan, **_ON_SESSION}
    yield "zone", "pre_auth", "POST", "/billing/pre_auth/stripe_payment_intent", {"subscriptions": [plan]}


def _places_of_payment_methods(payment_method: str, ours: Things) -> Iterator[Place]:
    with_it = {"payment_method_id": payment_method}
    yield "payment_method", "remove_payment_method", "DELETE", f"/payment-methods/{payment_method}", None
    yield "payment_method", "add_payment_method", "POST", "/payment-methods", with_it
    yield "payment_method", "bulk_create", "POST", "/bulk/subscriptions", cart(line("d1"), **with_it)
    yield "payment_method", "create", "POST", "/subscriptions", {**line("d1"), **_ON_SESSION, **with_it}
    domains = {"domains": [{"name": "probed-example.com", "years": 1}], **_ON_SESSION, **with_it}
    yield "payment_method", "registrar_checkout", "POST", "/billing/checkout", domains
    path = f"/subscriptions/{ours.subscription}"
    more = {"component_values": [{"name": "seats", "value": 1}], **_ON_SESSION, **with_it}
    yield "payment_method", "append", "POST", f"{path}/action/append", more


def _places_of_invoices(invoice: str) -> Iterator[Place]:
    yield "invoice", "invoice", "GET", f"/billing/invoices/{invoice}", None
    yield "invoice", "invoice_pdf", "GET", f"/billing/invoices/{invoice}/pdf", None
    yield "invoice", "pay_bad_debt", "POST", "/billing/pay-bad-debt", {"invoice_id": invoice}


def _name_account(prober: Prober, owner: str, theirs: Things) -> Program[None]:
    """The neighbour's account in the path, with the account's own credential."""
    by_id = (
        ("cancel", "DELETE", f"/subscriptions/{theirs.subscription}", None),
        ("get_zone", "GET", f"/zones/{theirs.zone}", None),
        ("remove_payment_method", "DELETE", f"/payment-methods/{theirs.payment_method}", None),
        ("invoice", "GET", f"/billing/invoices/{theirs.invoice}", None),
        ("invoice_pdf", "GET", f"/billing/invoices/{theirs.invoice}/pdf", None),
        ("pay_bad_debt", "POST", "/billing/pay-bad-debt", {"invoice_id": theirs.invoice}),
    )
    for operation, method, below, body in (*_NAMED, *by_id):
        path = prober.path_of(owner, below)
        yield from prober.client.ask(operation, method, path, body, tries="foreign_account", about={"owner": owner})


def _come_with_no_credential(prober: Prober, ours: Things) -> Program[None]:
    """No credential, and such as are none, at the account's own things."""
    own = prober.session.authorization
    credentials: Mapping[str, str | None] = {
        "nothing": None,
        "an empty token": "Bearer ",
        "a made-up token": "Bearer made-up-token-of-nobody",
        "a token that is cut off": own[:-1],
        "a token and something behind it": f"{own}x",
        "the account's id for a token": f"Bearer {prober.session.account_id}",
        "another scheme": "Basic Z2F0ZWZhbGw6Z2F0ZWZhbGw=",
    }
    places = (
        ("list_subscriptions", "GET", prober.path("/subscriptions"), None),
        ("list_subscriptions", "GET", prober.path_of(prober.session.account_id, "/subscriptions"), None),
        ("profile_update", "PUT", prober.path("/billing/profile"), {"name": "Nobody"}),
        ("cancel", "DELETE", prober.path(f"/subscriptions/{ours.subscription}"), None),
        ("bulk_create", "POST", prober.path("/bulk/subscriptions"), cart(line("queues"))),
    )
    for words, value in credentials.items():
        for operation, method, path, body in places:
            yield from prober.client.ask(
                operation,
                method,
                path,
                body,
                tries="credential",
                about={"credential": words},
                headers={"authorization": value},
            )


def _use_keys(prober: Prober, keys: list[str]) -> Program[None]:
    """The neighbour's idempotency keys, with the same body and with another one."""
    assert prober.neighbour is not None
    about = {"owner": prober.neighbour.session.account_id}
    path = prober.path("/bulk/subscriptions")
    for key, body in zip(keys, (cart(line(_WITH_KEY)), cart(line(_WITH_KEY, quantity=3))), strict=True):
        yield from prober.client.ask("bulk_create", "POST", path, body, tries="foreign_key", about=about, key=key)


OTHER_ACCOUNTS: Final = Probe("other-accounts", _program, neighbour="valid")
