"""Which variants of a plan can be run at a real deployment, and why not the others: told before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from conformance.real.accounts import cannot_be_had
from conformance.real.credentials import Credentials
from conformance.real.deployment import told_settings
from conformance.real.profile import Backend
from scenarios.expectation import parse_threshold
from scenarios.phase import COMMITMENT_PHASE
from scenarios.scenario import Variant
from sim.customers import Population, Shopper
from sim.probes import PROBES
from sim.probes.neighbour import neighbour_of
from sim.streams import Streams

_HOSTED_PAGES: Final = frozenset(
    ("three_d_secure", "three_d_secure_then_declined", "three_d_secure_then_insufficient_funds", "paypal")
)
"""Ways to pay that lead over a hosted page."""

_EXPIRED: Final = "expired_subscriptions"


def why_left_out(credentials: Credentials, variant: Variant, seed: int) -> str | None:
    """Why a variant cannot be run at the deployment of a profile; None where it can."""
    scenario = variant.scenario
    if scenario.has_faults:
        return "asks for faults, which are never brought upon a real deployment"
    if scenario.capacity:
        return "asks for services of limited capacity, which is a real deployment's own"
    other = set_otherwise(credentials.profile.backend, variant)
    if other is not None:
        return other
    if credentials.profile.stripe.pages == "none" and _leads_over_pages(variant):
        return "leads over hosted pages, which nobody visits there (stripe.pages)"
    if not credentials.profile.supports.clock and _expects_expiry(variant):
        return "expects what is unpaid to expire, for which the deployment has no clock to be moved (supports.clock)"
    if scenario.customers.count > credentials.profile.limits.customers:
        return None  # the cap refuses it, in words of its own
    return _without_accounts(credentials, variant, seed)


def set_otherwise(backend: Backend, variant: Variant) -> str | None:
    """In what the deployment is told to be set otherwise than a variant needs it; None where it is not."""
    if backend.phase == "config":
        return None
    needs = told_settings(variant)
    if needs.phase != backend.phase:
        return f"runs in another phase than {backend.phase}, in which the deployment is (backend.phase)"
    if needs.regime != backend.regime:
        return f"runs under another regime than {backend.regime}, which the deployment has (backend.regime)"
    if needs.phase < COMMITMENT_PHASE and needs.pm_gate != backend.pm_gate:
        return f"needs the flag pm-gate {_flag(needs.pm_gate)}, and it is {_flag(backend.pm_gate)} (backend.pm_gate)"
    return None


def _flag(on: bool) -> str:
    return "on" if on else "off"


def _leads_over_pages(variant: Variant) -> bool:
    """Whether its scenario asks for hosted pages by name. A calibrated mix meets a few: they stay unpaid."""
    customers = variant.scenario.customers
    mixes = (customers.pays_with, customers.first_card, customers.next_card)
    if "requires_authentication" in customers.payment_method_on_file:
        return True
    return any(_HOSTED_PAGES & mix.keys() for mix in mixes if isinstance(mix, dict))


def _expects_expiry(variant: Variant) -> bool:
    """Whether a threshold counts expired purchases: nobody waits for 23 hours, and none is no breach then."""
    thresholds = (text for expectation in variant.scenario.expect for text in expectation.thresholds)
    return any(parse_threshold(text).key == _EXPIRED for text in thresholds)


def account_holders(variant: Variant, population: Population, seed: int, customers: Sequence[int]) -> list[Shopper]:
    """Everybody who needs an account: the customers, and the neighbours that a probe wants beside them."""
    shoppers = [population.draw(Streams(seed, number)) for number in customers]
    probe = variant.scenario.probe
    beside = None if probe is None else PROBES[probe].neighbour
    return shoppers if beside is None else [*shoppers, *(neighbour_of(one, beside) for one in shoppers)]


def _without_accounts(credentials: Credentials, variant: Variant, seed: int) -> str | None:
    """What kind of account the profile's provisioning cannot supply to its customers."""
    shoppers = account_holders(variant, Population(variant), seed, range(variant.scenario.customers.count))
    missing = sorted({one for shopper in shoppers if (one := cannot_be_had(credentials.profile, shopper))})
    if missing:
        return f"asks for {', '.join(missing)}, which [accounts] cannot supply"
    return _beyond_pool(credentials, shoppers) if credentials.profile.accounts.provisioning == "pool" else None


def _beyond_pool(credentials: Credentials, shoppers: list[Shopper]) -> str | None:
    """Every customer of a variant has an account of its own."""
    there = Counter(one.payment_method for one in credentials.pool)
    for kind, count in sorted(Counter(shopper.pm_on_file for shopper in shoppers).items()):
        if count > there[kind]:
            return f'asks for more accounts with payment method "{kind}" than the {there[kind]} of the pool'
    return None
