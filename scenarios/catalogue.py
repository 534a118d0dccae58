"""What can be bought: the 31 product SKUs and the registrar, with their prices.

Sources of prices: the public price pages of the products where they publish one. Every other price is marked
`price_is_assumption`: it has the right order of magnitude and a currency unit, and nothing rests on its value.

Lookups are on the hot path of every purchase, so they read dictionaries built once at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Frequency = Literal["monthly", "yearly"]
Cohort = Literal["usage-priced", "fixed-priced"]

CURRENCY: Final = "usd"
REGISTRAR: Final = "registrar"
"""Rate plan and feature of a domain line; always yearly, priced by top-level domain."""


class NotOffered(LookupError):
    """A rate plan, frequency, component or top-level domain that the catalogue does not sell."""


@dataclass(frozen=True, slots=True)
class Product:
    """One SKU. Prices are for one unit and one period, in minor units; None: not sold at that frequency."""

    id: str
    title: str
    monthly_minor: int | None
    yearly_minor: int | None = None
    usage_priced: bool = False
    """Metered and billed afterwards: what is due now is the base fee, which is 0 for most."""
    zone_scoped: bool = False
    """Belongs to one zone (a site) of the account; a purchase may have to create that zone."""
    components: tuple[tuple[str, int], ...] = ()
    """What `append` can add to: (name, price of one unit in minor units)."""
    cohort: Cohort | None = None
    """Part of the second-quarter cohort, and how it is priced."""
    multisku: bool = True
    """Still sold through the Multisku Checkout at first. Assumption outside the second-quarter cohort."""
    price_is_assumption: bool = False


PRODUCTS: Final[tuple[Product, ...]] = (
    # Usage-priced members of the second-quarter cohort; Workers Paid and Stream have a base fee.
    Product(
        "workers_paid",
        "Workers Paid",
        500,
        usage_priced=True,
        components=(("requests_million", 30), ("cpu_million_ms", 2)),
        cohort="usage-priced",
    ),
    Product("r2", "R2 object storage", 0, usage_priced=True, components=(("gigabytes", 2),), cohort="usage-priced"),
    Product(
        "stream",
        "Stream, per 1,000 minutes stored",
        500,
        usage_priced=True,
        components=(("thousand_minutes_stored", 500), ("thousand_minutes_delivered", 100)),
        cohort="usage-priced",
    ),
    Product(
        "durable_objects",
        "Durable Objects",
        0,
        usage_priced=True,
        components=(("requests_million", 15),),
        cohort="usage-priced",
    ),
    # Fixed-priced members. Assumption: where the public page only says "rides on Workers Paid", its 5.00 is used.
    # Equal prices are useful: two equal amounts in one cart must not be taken for duplicates.
    Product("pages", "Pages", 500, components=(("builds", 1),), cohort="fixed-priced", price_is_assumption=True),
    Product("images", "Images, per 100k stored", 500, components=(("hundred_thousand", 500),), cohort="fixed-priced"),
    Product("queues", "Queues", 500, components=(("million", 40),), cohort="fixed-priced", price_is_assumption=True),
    Product("d1", "D1 database", 500, components=(("gigabytes", 75),), cohort="fixed-priced", price_is_assumption=True),
    Product(
        "vectorize",
        "Vectorize",
        500,
        components=(("million_dimensions", 5),),
        cohort="fixed-priced",
        price_is_assumption=True,
    ),
    # Plans of a zone: the only products that are sold by the year. Assumption: Business by the month.
    Product("zone_pro", "Pro zone", 2_500, 24_000, zone_scoped=True, components=(("page_rules", 100),), multisku=False),
    Product(
        "zone_business",
        "Business zone",
        25_000,
        240_000,
        zone_scoped=True,
        components=(("page_rules", 100),),
        multisku=False,
        price_is_assumption=True,
    ),
    Product(
        "load_balancer",
        "Load Balancing",
        500,
        zone_scoped=True,
        components=(("origins", 500), ("health_check_regions", 1_000)),
        multisku=False,
    ),
    # The rest of the 31 SKUs. Assumption: ids and prices, after what such platforms sell as add-ons.
    Product(
        "smart_routing",
        "Smart Routing",
        500,
        usage_priced=True,
        zone_scoped=True,
        components=(("gigabytes", 10),),
        price_is_assumption=True,
    ),
    Product(
        "advanced_certificates",
        "Advanced Certificates",
        1_000,
        zone_scoped=True,
        components=(("certificates", 1_000),),
        price_is_assumption=True,
    ),
    Product(
        "custom_hostnames",
        "Custom Hostnames",
        0,
        usage_priced=True,
        zone_scoped=True,
        components=(("hostnames", 10),),
        price_is_assumption=True,
    ),
    Product(
        "page_rules",
        "Page Rules, per five",
        500,
        zone_scoped=True,
        components=(("five_rules", 500),),
        price_is_assumption=True,
    ),
    Product(
        "rate_limiting",
        "Rate Limiting",
        0,
        usage_priced=True,
        zone_scoped=True,
        components=(("requests_million", 50),),
        price_is_assumption=True,
    ),
    Product(
        "waiting_room",
        "Waiting Room",
        20_000,
        zone_scoped=True,
        components=(("rooms", 20_000),),
        price_is_assumption=True,
    ),
    Product(
        "bot_protection",
        "Bot Protection",
        3_000,
        zone_scoped=True,
        components=(("requests_million", 100),),
        price_is_assumption=True,
    ),
    Product(
        "cache_reserve",
        "Cache Reserve",
        0,
        usage_priced=True,
        zone_scoped=True,
        components=(("gigabytes", 2),),
        price_is_assumption=True,
    ),
    Product(
        "health_checks",
        "Health Checks",
        200,
        zone_scoped=True,
        components=(("checks", 50),),
        price_is_assumption=True,
    ),
    Product(
        "tcp_proxy",
        "TCP Proxy",
        0,
        usage_priced=True,
        zone_scoped=True,
        components=(("gigabytes", 100),),
        price_is_assumption=True,
    ),
    Product(
        "dns_firewall",
        "DNS Firewall",
        10_000,
        components=(("clusters", 10_000),),
        price_is_assumption=True,
    ),
    Product("workers_kv", "Workers KV", 0, usage_priced=True, components=(("million", 50),), price_is_assumption=True),
    Product("workers_ai", "Workers AI", 0, usage_priced=True, components=(("thousand", 1),), price_is_assumption=True),
    Product(
        "media_transformations",
        "Media Transformations",
        0,
        usage_priced=True,
        components=(("thousand", 50),),
        price_is_assumption=True,
    ),
    Product("zero_trust_seats", "Zero Trust, per seat", 700, components=(("seats", 700),), price_is_assumption=True),
    Product("email_security", "Email Security, per seat", 400, components=(("seats", 400),), price_is_assumption=True),
    Product("log_push", "Log Push", 0, usage_priced=True, components=(("million", 5),), price_is_assumption=True),
    Product("log_explorer", "Log Explorer", 1_000, components=(("gigabytes", 100),), price_is_assumption=True),
    Product("browser_rendering", "Browser Rendering", 900, components=(("hours", 9),), price_is_assumption=True),
)

BY_ID: Final[Mapping[str, Product]] = MappingProxyType({product.id: product for product in PRODUCTS})

RATE_PLANS: Final[tuple[str, ...]] = tuple(BY_ID)
"""The ids of the 31 SKUs, without the registrar."""

Q2_COHORT: Final[Mapping[str, Cohort]] = MappingProxyType(
    {product.id: product.cohort for product in PRODUCTS if product.cohort is not None}
)
"""The nine products that move to the Unified Checkout in the second quarter, all on Multisku at first."""

ON_MULTISKU: Final[tuple[str, ...]] = tuple(product.id for product in PRODUCTS if product.multisku)
"""The products sold through Multisku at first. See gates.py for what a product's gate changes."""

TLD_PRICES_MINOR: Final[Mapping[str, int]] = MappingProxyType(
    {
        "com": 857,  # public price page, a year, as the next two
        "dev": 1_011,
        "app": 1_100,
        "net": 1_000,  # Assumption, as all below
        "org": 800,
        "io": 4_500,
        "info": 1_800,
        "xyz": 1_100,
    }
)
"""Price of one year of a domain by top-level domain, in minor units."""

_PRICES: Final[dict[tuple[str, str], int]] = {
    **{(product.id, "monthly"): product.monthly_minor for product in PRODUCTS if product.monthly_minor is not None},
    **{(product.id, "yearly"): product.yearly_minor for product in PRODUCTS if product.yearly_minor is not None},
}
_COMPONENT_PRICES: Final[dict[tuple[str, str], int]] = {
    (product.id, name): price for product in PRODUCTS for name, price in product.components
}
_USUAL_COMPONENT_PRICES: Final[dict[str, int]] = {product.id: product.components[0][1] for product in PRODUCTS}


def is_offered(rate_plan: str, frequency: str) -> bool:
    """Whether that rate plan is sold at that frequency. The registrar is not: its price depends on the domain."""
    return (rate_plan, frequency) in _PRICES


def price_minor(rate_plan: str, frequency: str, quantity: int = 1) -> int:
    """What is due at purchase for a line, in minor units: price of one unit × quantity; 0 where usage is billed later.

    Raises NotOffered for a rate plan or a frequency that is not sold.
    """
    try:
        return _PRICES[rate_plan, frequency] * quantity
    except KeyError:
        raise NotOffered(_why_not_offered(rate_plan, frequency)) from None


def component_price_minor(rate_plan: str, component: str) -> int:
    """Price of one more unit of a component, in minor units.

    A deployment takes any component name, so an unknown one costs as much as the product's first component. Raises
    NotOffered for an unknown rate plan.
    """
    price = _COMPONENT_PRICES.get((rate_plan, component))
    if price is not None:
        return price
    if rate_plan not in _USUAL_COMPONENT_PRICES:
        raise NotOffered(f"{rate_plan} is no rate plan of the catalogue")
    return _USUAL_COMPONENT_PRICES[rate_plan]


def component_names(rate_plan: str) -> tuple[str, ...]:
    """Names of the components that a scenario may append to. Raises NotOffered for an unknown rate plan."""
    try:
        return tuple(name for name, _ in BY_ID[rate_plan].components)
    except KeyError:
        raise NotOffered(f"{rate_plan} is no rate plan of the catalogue") from None


def registrar_price_minor(tld: str, years: int) -> int:
    """Price of a domain in minor units: years × the price of one year. Raises NotOffered for an unknown domain."""
    try:
        return TLD_PRICES_MINOR[tld] * years
    except KeyError:
        raise NotOffered(f".{tld} is not sold: expected one of {', '.join(TLD_PRICES_MINOR)}") from None


def _why_not_offered(rate_plan: str, frequency: str) -> str:
    if rate_plan not in BY_ID:
        return f"{rate_plan} is no rate plan of the catalogue"
    return f"{rate_plan} is not sold {frequency}: it is {' or '.join(frequencies(rate_plan))}"


def frequencies(rate_plan: str) -> tuple[Frequency, ...]:
    """The frequencies that a rate plan is sold at; none for an unknown one. Add-ons are monthly only."""
    offered: tuple[Frequency, ...] = ("monthly", "yearly")
    return tuple(frequency for frequency in offered if (rate_plan, frequency) in _PRICES)
