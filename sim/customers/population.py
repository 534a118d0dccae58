"""The population of a variant: its mixes as tables, made once, from which customers are drawn in a few microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeVar, cast

from scenarios.gates import BILLING_ROUTES, ON_SESSION_PAYMENT, ZONE_CREATION, checkout_of
from scenarios.parameters import PARAMETERS
from scenarios.scenario import (
    AbandonStep,
    AfterDecline,
    AfterGate,
    CardBehaviour,
    ChallengeOutcome,
    DoubleSubmit,
    PaymentMethodState,
    PaymentStep,
    PaysWith,
    RedirectOutcome,
    Region,
    Standing,
    Variant,
)
from sim.customers.arrivals import arrival_time_us
from sim.customers.basket import Basket
from sim.customers.mix import Mix
from sim.customers.shopper import Shopper
from sim.purposes import Purpose
from sim.streams import Lognormal, Streams
from sim.time import SECOND_US

K = TypeVar("K")

# Looked up once: a member of an enumeration costs a call in Python 3.11.
_REGION: Final = Purpose.REGION
_COUNTRY: Final = Purpose.COUNTRY
_PAYS_WITH: Final = Purpose.PAYS_WITH
_PAYMENT_STEP: Final = Purpose.PAYMENT_STEP

TYPING_ERRORS: Final = frozenset(("incorrect_cvc", "incorrect_number", "invalid_number", "invalid_cvc"))
"""Decline codes that say that the customer mistyped something."""

_COUNTRIES: Final[Mapping[Region, tuple[str, ...]]] = {
    "europe": ("de", "fr", "nl", "es", "pl"),
    "united_kingdom": ("gb",),
    "north_america": ("us", "ca"),
    "asia": ("in", "jp", "sg", "kr"),
    "rest": ("br", "au", "za"),
}
_OF_COUNTRY: Final[Mapping[tuple[str, str], str]] = {
    ("paypal_share", "de"): "germany",
    ("challenge_share", "fr"): "france",
    ("three_d_secure_share", "in"): "india",
    ("three_d_secure_share", "jp"): "japan",
}
"""Where a country has a figure of its own; all others take their region's."""

_CHALLENGED: Final[Mapping[CardBehaviour, CardBehaviour]] = {
    "succeeds": "three_d_secure",
    "generic_decline": "three_d_secure_then_declined",
    "insufficient_funds": "three_d_secure_then_insufficient_funds",
}
"""The test card that behaves the same after a challenge. Other declines come before the issuer asks for one."""

_DECLINES: Final[tuple[CardBehaviour, ...]] = (
    "insufficient_funds",
    "generic_decline",
    "incorrect_cvc",
    "expired_card",
    "incorrect_number",
    "processing_error",
    "lost_card",
    "stolen_card",
    "blocked",
)

AfterDeclineMethod = Literal["same_card", "another_card", "paypal"]


class Place:
    """A country with the figures that apply there."""

    __slots__ = ("challenge_share", "country", "methods", "region", "three_d_secure_share")

    def __init__(self, region: Region, country: str, figures: Mapping[str, float]) -> None:
        self.region: Region = region
        self.country = country.upper()
        self.three_d_secure_share = _figure("three_d_secure_share", region, country, figures)
        self.challenge_share = _figure("challenge_share", region, country, figures)
        paypal = _figure("paypal_share", region, country, figures)
        self.methods = _methods(paypal, figures)


class Population:
    """Who comes in one variant. `figures` are the parameters, a scenario's own put over the defaults.

    Raises ValueError where a mix has no positive weight.
    """

    __slots__ = (
        "_abandons_at",
        "_baskets",
        "_checkouts",
        "_clients",
        "_declines",
        "_durations_us",
        "_double_submit",
        "_first_card",
        "_payment_step",
        "_pays_with",
        "_places",
        "_pm_on_file",
        "_regions",
        "_standing",
        "_step_share",
        "after_decline",
        "after_gate",
        "challenge",
        "confirms_on_session",
        "creates_zones",
        "entries",
        "figures",
        "front_end",
        "iapi_service",
        "next_card",
        "poll_interval_us",
        "poll_limit_us",
        "query_retries",
        "query_retry_first_wait_us",
        "redirect",
        "retry_methods",
        "returns_after_us",
        "review",
        "shows_billing",
        "variant",
        "watchful",
    )

    def __init__(self, variant: Variant) -> None:
        customers = variant.scenario.customers
        self.variant = variant
        self.watchful = customers.watchful
        self.figures: dict[str, float] = {name: p.default for name, p in PARAMETERS.items()} | customers.parameters
        figures = self.figures
        self._regions: Mix[Region] = Mix(
            customers.regions or {name: figures[f"region_weight_{name}"] for name in _COUNTRIES}
        )
        self._places = {region: _places(region, figures) for region in _COUNTRIES}
        self._pm_on_file: Mix[PaymentMethodState] = Mix(customers.payment_method_on_file)
        self._clients: Mix[str] = Mix({str(name): weight for name, weight in customers.client.items()})
        baskets = {Basket(cart): cart.weight for cart in customers.carts}
        self._baskets: Mix[Basket] = Mix(baskets)
        self._checkouts = {
            (str(client), basket): checkout_of(client, basket.products, variant.scenario.backend.gates)
            for client in customers.client
            for basket in baskets
        }
        self._pays_with: Mix[PaysWith] | None = _explicit(customers.pays_with)
        self._payment_step: Mix[PaymentStep] | None = _explicit(customers.payment_step)
        self._first_card: Mix[CardBehaviour] | None = _explicit(customers.first_card)
        self.next_card: Mix[CardBehaviour] | None = _explicit(customers.next_card)
        self._double_submit: Mix[DoubleSubmit] = Mix(customers.double_submit)
        self._standing: Mix[Standing] = Mix(customers.standing)
        self._abandons_at: Mix[AbandonStep] = _explicit(customers.abandons_at) or _abandons_at(figures)
        self._declines: Mix[CardBehaviour] = Mix({code: figures[f"decline_weight_{code}"] for code in _DECLINES})
        self._step_share = figures["payment_step_before_submit"]
        self.challenge = _explicit(customers.challenge) or _challenge(figures)
        self.redirect: Mix[RedirectOutcome] | None = _explicit(customers.redirect)
        self.after_decline: Mix[AfterDecline] | None = _explicit(customers.after_decline)
        self.after_gate = _explicit(customers.after_gate) or _after_gate(figures)
        self.retry_methods: Mix[AfterDeclineMethod] = Mix(
            {
                "same_card": figures["retry_weight_same_card"],
                "another_card": figures["retry_weight_another_card"],
                "paypal": figures["retry_weight_paypal"],
            }
        )
        self._durations_us = {name: round(figures[name] * SECOND_US) for name, p in PARAMETERS.items() if p.unit == "s"}
        self._take_settings(variant)

    def _take_settings(self, variant: Variant) -> None:
        """What holds for every customer of the variant: its front end, its gates, its patience."""
        customers = variant.scenario.customers
        gates = variant.scenario.backend.gates
        self.front_end = variant.front_end
        self.iapi_service = customers.iapi_service
        self.returns_after_us = customers.returns_after
        self.confirms_on_session = gates.get(ON_SESSION_PAYMENT, True)
        self.shows_billing = gates.get(BILLING_ROUTES, True)
        self.creates_zones = gates.get(ZONE_CREATION, True)
        self.poll_interval_us = self.duration_us("poll_interval_s")
        self.poll_limit_us = self.duration_us("poll_limit_s")
        self.entries = self._entries()
        self.query_retries = int(self.figures["query_retries"])
        self.query_retry_first_wait_us = self.duration_us("query_retry_first_wait_s")
        self.review = self._spread("review")

    def _entries(self) -> Mapping[str, Lognormal]:
        """How long it takes to enter a method. PayPal is a button like a wallet; its page comes on top."""
        saved_us = self.duration_us("saved_method_s")
        wallet = self._spread("wallet")
        saved, card = Lognormal(saved_us, saved_us), self._spread("card_entry")
        return {"saved": saved, "wallet": wallet, "paypal": wallet, "card": card}

    def _spread(self, name: str) -> Lognormal:
        return Lognormal(self.duration_us(name + "_median_s"), self.duration_us(name + "_p95_s"))

    def duration_us(self, parameter: str) -> int:
        """A parameter in seconds, in microseconds."""
        return self._durations_us[parameter]

    def arrival_us(self, streams: Streams, index: int, count: int) -> int:
        """When customer `index` of `count` comes, in microseconds after the start."""
        return arrival_time_us(self.variant.scenario.customers.arrivals, streams, index, count)

    def draw(self, streams: Streams) -> Shopper:
        """The customer whose streams these are."""
        uniform = streams.uniform
        region = self._regions.only or self._regions.pick(uniform(_REGION))
        place = self._places[region].pick(uniform(_COUNTRY))
        pm_on_file = self._pm_on_file.only or self._pm_on_file.pick(uniform(Purpose.PAYMENT_METHOD_ON_FILE))
        client = self._clients.only or self._clients.pick(uniform(Purpose.CLIENT))
        basket = self._baskets.only or self._baskets.pick(uniform(Purpose.CART))
        pays_with = self._method(place, pm_on_file, uniform(_PAYS_WITH))
        return Shopper(
            streams.customer,
            place,
            pm_on_file,
            self._checkouts[client, basket],
            self.front_end,
            basket,
            pays_with,
            self._step(basket, uniform(_PAYMENT_STEP)),
            self._card(place, pays_with, streams),
            self._double_submit.only or self._double_submit.pick(uniform(Purpose.DOUBLE_SUBMIT)),
            self._abandons_at.only or self._abandons_at.pick(uniform(Purpose.ABANDON_STEP)),
            self._standing.only or self._standing.pick(uniform(Purpose.STANDING)),
        )

    def _method(self, place: Place, pm_on_file: PaymentMethodState, uniform: float) -> PaysWith:
        """What the customer prefers to pay with. One number serves for both questions: saved or not, and which."""
        if self._pays_with is not None:
            preferred = self._pays_with.pick(uniform)
            return "card" if preferred == "saved" and pm_on_file == "none" else preferred
        if pm_on_file == "none":
            return place.methods.pick(uniform)
        saved = self.figures["expired_method_picked" if pm_on_file == "expired" else "saved_method_used"]
        if uniform < saved:
            return "saved"
        return place.methods.pick((uniform - saved) / (1 - saved))

    def _step(self, basket: Basket, uniform: float) -> PaymentStep:
        if self._payment_step is not None:
            return self._payment_step.pick(uniform)
        if basket.nothing_due or basket.one_click:
            return "skipped"
        return "before_submit" if uniform < self._step_share else "skipped"

    def _card(self, place: Place, pays_with: PaysWith, streams: Streams) -> CardBehaviour:
        if self._first_card is not None:
            return self._first_card.only or self._first_card.pick(streams.uniform(Purpose.FIRST_CARD))
        uniform = streams.uniform(Purpose.FIRST_CARD)
        return self.calibrated_card(
            place, streams, 0, uniform, self.figures["card_decline_share"], pays_with != "wallet"
        )

    def calibrated_card(
        self,
        place: Place,
        streams: Streams,
        index: int,
        uniform: float,
        decline_share: float,
        may_be_challenged: bool = True,
    ) -> CardBehaviour:
        """The test card that behaves as a card of that place does, by region's figures for 3DS and for declines.

        Assumption: a wallet has authenticated its owner already, and is never challenged.
        """
        behaviour: CardBehaviour = "succeeds"
        if uniform < decline_share:
            behaviour = self._declines.pick(uniform / decline_share)
        if (
            may_be_challenged
            and streams.uniform(Purpose.THREE_D_SECURE_REQUESTED, index) < place.three_d_secure_share
            and streams.uniform(Purpose.CHALLENGE_SHOWN, index) < place.challenge_share
        ):
            return _CHALLENGED.get(behaviour, behaviour)
        return behaviour


def _explicit(mix: Mapping[K, float] | str) -> Mix[K] | None:
    """The mix that a scenario spells out, or None for `calibrated`. A lone name is a mix of that name."""
    if isinstance(mix, str):
        return None if mix == "calibrated" else Mix({cast(K, mix): 1.0})
    return Mix(mix)


def _figure(prefix: str, region: Region, country: str, figures: Mapping[str, float]) -> float:
    return figures[f"{prefix}_{_OF_COUNTRY.get((prefix, country), region)}"]


def _places(region: Region, figures: Mapping[str, float]) -> Mix[Place]:
    return Mix({Place(region, code, figures): figures[f"country_weight_{code}"] for code in _COUNTRIES[region]})


def _methods(paypal: float, figures: Mapping[str, float]) -> Mix[PaysWith]:
    card = figures["method_weight_card"]
    wallet = figures["method_weight_wallet"] + figures["method_weight_link"]
    rest = (1 - paypal) / (card + wallet) if card + wallet > 0 else 0.0
    return Mix({"card": card * rest, "wallet": wallet * rest, "paypal": paypal})


def _abandons_at(figures: Mapping[str, float]) -> Mix[AbandonStep]:
    return Mix(
        {
            "never": figures["abandons_never"],
            "cart": figures["abandons_at_cart"],
            "payment": figures["abandons_at_payment"],
            "confirmation": figures["abandons_at_confirmation"],
        }
    )


def _challenge(figures: Mapping[str, float]) -> Mix[ChallengeOutcome]:
    failed = figures["challenge_failed"] + figures["challenge_technical_failure"]
    return Mix({"passed": figures["challenge_passed"], "failed": failed, "abandoned": figures["challenge_abandoned"]})


def _after_gate(figures: Mapping[str, float]) -> Mix[AfterGate]:
    return Mix(
        {
            "leaves": figures["gate_leaves"],
            "adds_payment_method": figures["gate_adds_payment_method"],
            "asks_support": figures["gate_asks_support"],
        }
    )
