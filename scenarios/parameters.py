"""The catalogue of the customer model's parameters: default, unit, meaning, and where each figure comes from.

A scenario file overrides them by name under `customers.parameters`. `python -m scenarios.parameters` prints the page
docs/parameters.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Grade = Literal["B", "C", "D", "assumption"]


class Parameter(NamedTuple):
    """One figure of the customer model.

    `grade`: B official or a vendor's own data; C a named study at second hand; D one source's claim; "assumption" for
    a prior that no source backs, which product teams should replace by a measurement of their own. `unit` "share" is a
    probability, "weight" is relative to its sisters, "s" is seconds, "count" a whole number. `low` and `high` bound
    what a scenario may set.
    """

    name: str
    default: float
    unit: Literal["share", "weight", "s", "count"]
    meaning: str
    source: str
    grade: Grade
    low: float
    high: float


_OWN: Final = "no published figure"


def _share(name: str, default: float, meaning: str, source: str = _OWN, grade: Grade = "assumption") -> Parameter:
    return Parameter(name, default, "share", meaning, source, grade, 0.0, 1.0)


def _weight(name: str, default: float, meaning: str, source: str = _OWN, grade: Grade = "assumption") -> Parameter:
    return Parameter(name, default, "weight", meaning, source, grade, 0.0, 1_000_000.0)


def _seconds(name: str, default: float, meaning: str, source: str = _OWN, grade: Grade = "assumption") -> Parameter:
    return Parameter(name, default, "s", meaning, source, grade, 0.001, 604_800.0)


def _shares_by_place(prefix: str, meaning: str, *rows: tuple[str, float, str, Grade]) -> Iterator[Parameter]:
    """One share for each place: region-dependent figures are separate parameters."""
    for place, default, source, grade in rows:
        yield Parameter(f"{prefix}_{place}", default, "share", meaning, source, grade, 0.0, 1.0)


def _count(
    name: str, default: int, meaning: str, high: int, source: str = _OWN, grade: Grade = "assumption"
) -> Parameter:
    return Parameter(name, float(default), "count", meaning, source, grade, 0.0, float(high))


_RAVELIN: Final = "Ravelin, payment authentication figures, 2026"
_RECURLY: Final = "Recurly, decline rates of recurring card payments, 2013 (6-18 % consumers, 5-14 % businesses)"
_CODES: Final = "published decline-code tables, which disagree by a factor of two"
_CHALLENGES: Final = "European challenge figures of 2020-21 (24-35 % lost)"
_CHALLENGE_TIME: Final = "challenge duration, 2019: mean 37 s; adds 60-120 s to a checkout"
_PAYPAL: Final = "commissioned study: 88.7 % of PayPal choosers complete; 14 % fewer on mobile"
_METHODS: Final = "shares of web-shop payments by method and country"
_CHECKOUT_TIME: Final = "time spent in web-shop checkouts: mean 144 s"
_FUNNEL: Final = "Zuko, Baymard: 35 % of shop checkouts complete; a logged-in customer is warmer, Beta(6, 4)"
_POLL: Final = "the public front-end library's polling constants"
_TANSTACK: Final = "TanStack Query's documented defaults"
_SDKS: Final = "generated API clients' documented defaults"


def _regions() -> Iterator[Parameter]:
    for name, default in (
        ("europe", 0.30),
        ("united_kingdom", 0.10),
        ("north_america", 0.38),
        ("asia", 0.14),
        ("rest", 0.08),
    ):
        yield _weight(f"region_weight_{name}", default, "customers from this region where a scenario names no regions")
    for country, region, default in (
        ("de", "europe", 0.35),
        ("fr", "europe", 0.20),
        ("nl", "europe", 0.15),
        ("es", "europe", 0.15),
        ("pl", "europe", 0.15),
        ("gb", "united_kingdom", 1.0),
        ("us", "north_america", 0.9),
        ("ca", "north_america", 0.1),
        ("in", "asia", 0.35),
        ("jp", "asia", 0.25),
        ("sg", "asia", 0.20),
        ("kr", "asia", 0.20),
        ("br", "rest", 0.45),
        ("au", "rest", 0.35),
        ("za", "rest", 0.20),
    ):
        yield _weight(f"country_weight_{country}", default, f"customers of {region} who are in {country.upper()}")


def _methods() -> Iterator[Parameter]:
    yield _weight("method_weight_card", 0.70, "pays by card, among those who do not pay by PayPal", _METHODS, "C")
    yield _weight("method_weight_wallet", 0.12, "pays by a wallet, among those not paying by PayPal", _METHODS, "C")
    yield _weight("method_weight_link", 0.03, "pays by Link (modelled as a wallet), as above", _METHODS, "C")
    yield from _shares_by_place(
        "paypal_share",
        "prefers PayPal",
        ("europe", 0.15, _METHODS, "C"),
        ("germany", 0.64, _METHODS, "C"),
        ("united_kingdom", 0.14, _METHODS, "C"),
        ("north_america", 0.20, _METHODS, "C"),
        ("asia", 0.15, _OWN, "assumption"),
        ("rest", 0.15, _OWN, "assumption"),
    )
    yield _share("saved_method_used", 0.90, "with a usable method on file: pays with it")
    yield _share("expired_method_picked", 0.50, "with an expired method on file: picks it all the same")
    yield _share("multisku_paypal_pays_by_card", 0.60, "prefers PayPal, meets cards only: pays by card (others leave)")
    yield _share("mobile_share", 0.30, "buys on a mobile device")
    yield _share(
        "payment_step_before_submit",
        0.85,
        "an old front end shows a payment step before submit (never for nothing-due carts and one-click changes)",
    )


def _cards() -> Iterator[Parameter]:
    yield _share(
        "card_decline_share", 0.12, "a card's first charge is declined (triangular .06-.12-.20)", _RECURLY, "B"
    )
    yield _share("another_card_decline_share", 0.12, "a second card is declined too", _RECURLY, "B")
    for code, default in (
        ("insufficient_funds", 0.30),
        ("generic_decline", 0.40),
        ("incorrect_cvc", 0.08),
        ("expired_card", 0.07),
        ("incorrect_number", 0.05),
        ("processing_error", 0.05),
        ("lost_card", 0.02),
        ("stolen_card", 0.02),
        ("blocked", 0.01),
    ):
        yield _weight(f"decline_weight_{code}", default, "among declines: this code", _CODES, "D")
    yield _share("retry_succeeds_after_typing_error", 0.42, "same card again after a typing error: succeeds (.35-.5)")
    yield _share("retry_succeeds_after_issuer_decline", 0.15, "same card again after the issuer's: succeeds (.1-.2)")


def _three_d_secure() -> Iterator[Parameter]:
    yield from _shares_by_place(
        "three_d_secure_share",
        "3DS is requested for a card",
        ("europe", 0.85, "EEA rules on strong authentication", "C"),
        ("united_kingdom", 0.85, "UK rules on strong authentication", "C"),
        ("india", 1.0, "rules of the country", "C"),
        ("japan", 1.0, "rules of the country", "C"),
        ("north_america", 0.03, "US: a very small share (.02-.05)", "C"),
        ("asia", 0.15, _OWN, "assumption"),
        ("rest", 0.15, _OWN, "assumption"),
    )
    yield from _shares_by_place(
        "challenge_share",
        "a challenge is shown, given 3DS",
        ("europe", 0.38, _RAVELIN, "C"),
        ("france", 0.65, _RAVELIN, "C"),
        ("united_kingdom", 0.25, _RAVELIN, "C"),
        ("north_america", 0.46, _RAVELIN, "C"),
        ("asia", 0.42, f"{_RAVELIN}: world", "C"),
        ("rest", 0.42, f"{_RAVELIN}: world", "C"),
    )
    yield _weight("challenge_passed", 0.82, "the challenge is passed (.65-.92)", _CHALLENGES, "C")
    yield _weight("challenge_abandoned", 0.11, "the challenge is left: seen as a time-out only", _CHALLENGES, "C")
    yield _weight("challenge_failed", 0.05, "the challenge is failed", _CHALLENGES, "C")
    yield _weight("challenge_technical_failure", 0.02, "the challenge fails for a technical reason", _CHALLENGES, "C")
    yield _seconds("challenge_median_s", 30, "time to solve a challenge: median", _CHALLENGE_TIME, "C")
    yield _seconds("challenge_p95_s", 110, "time to solve a challenge: 95th percentile", _CHALLENGE_TIME, "C")
    yield _seconds("challenge_timeout_s", 300, "an abandoned challenge ends after this long")


def _paypal() -> Iterator[Parameter]:
    yield _share("paypal_completed_desktop", 0.85, "goes to PayPal on a desktop: completes", _PAYPAL, "C")
    yield _share("paypal_completed_mobile", 0.75, "goes to PayPal on a mobile device: completes", _PAYPAL, "C")
    yield _share("paypal_never_back", 0.02, "approves at PayPal and never returns (.01-.03)")
    yield _share("paypal_refused", 0.03, "PayPal refuses the payment (the rest cancel)")
    yield _seconds("paypal_median_s", 35, "time spent at PayPal: median", _PAYPAL, "C")
    yield _seconds("paypal_p95_s", 120, "time spent at PayPal: 95th percentile", _PAYPAL, "C")
    yield _share("paypal_cancelled_pays_by_card", 0.30, "cancelled at PayPal: pays by card instead")


def _after_trouble() -> Iterator[Parameter]:
    yield _weight("gate_leaves", 0.55, "blocked by 402/1210: leaves")
    yield _weight("gate_adds_payment_method", 0.40, "blocked by 402/1210: adds a method in the Billing Profile")
    yield _weight("gate_asks_support", 0.05, "blocked by 402/1210: opens a ticket")
    yield _share(
        "processing_asks_support",
        0.05,
        'shown "processing" with nothing active after a minute: opens a ticket (as many as after 402/1210)',
    )
    yield _share("retries_after_typing_error", 0.80, "declined for a typing error: tries again")
    yield _share("retries_after_issuer_decline", 0.55, "declined by the issuer: tries again")
    yield _share("retries_after_failed_challenge", 0.55, "failed the challenge: tries again")
    yield _share("generic_message_retry_factor", 0.60, "only a generic failure is shown: retries times this")
    yield _weight("retry_weight_same_card", 0.35, "tries again after the issuer's decline: with the same card")
    yield _weight("retry_weight_another_card", 0.50, "tries again after the issuer's decline: with another card")
    yield _weight("retry_weight_paypal", 0.15, "tries again after the issuer's decline: with PayPal")
    yield _count("payment_tries_max", 3, "tries to pay in one attempt, at most", 10)
    yield _count("service_unavailable_tries_max", 3, "submits answered 5xx: tries in all, at most", 10)
    yield _seconds("service_unavailable_wait_s", 20, "waits before trying again after a 5xx")
    yield _count("rate_limit_tries_max", 2, "submits answered 429: tries in all, at most", 10)
    yield _count("unknown_tries_max", 3, "submits that timed out: tries in all, at most", 10)
    yield _seconds("impatient_timeout_s", 1.0, "an impatient customer submits again after waiting this long")


def _leaving() -> Iterator[Parameter]:
    yield _weight("abandons_never", 0.70, "goes through with the checkout", _FUNNEL, "C")
    yield _weight("abandons_at_cart", 0.13, "leaves at the cart")
    yield _weight("abandons_at_payment", 0.13, "leaves at the payment step or form")
    yield _weight("abandons_at_confirmation", 0.04, "leaves with the secret unconfirmed")


def _times() -> Iterator[Parameter]:
    yield _seconds("review_median_s", 12, "time to look at the cart: median", _CHECKOUT_TIME, "C")
    yield _seconds("review_p95_s", 60, "time to look at the cart: 95th percentile", _CHECKOUT_TIME, "C")
    yield _seconds("card_entry_median_s", 45, "time to enter a card: median", _CHECKOUT_TIME, "C")
    yield _seconds("card_entry_p95_s", 150, "time to enter a card: 95th percentile", _CHECKOUT_TIME, "C")
    yield _seconds("wallet_median_s", 8, "time to pay by wallet: median", _CHECKOUT_TIME, "C")
    yield _seconds("wallet_p95_s", 25, "time to pay by wallet: 95th percentile", _CHECKOUT_TIME, "C")
    yield _seconds("saved_method_s", 5, "time to confirm a saved method", _CHECKOUT_TIME, "C")
    yield _seconds("hesitation_median_s", 15, "time to decide after a failure: median")
    yield _seconds("hesitation_p95_s", 90, "time to decide after a failure: 95th percentile")
    yield _seconds("poll_interval_s", 3, "entitlements are polled this often", _POLL, "B")
    yield _seconds("poll_limit_s", 60, "polling gives up after this long", _POLL, "B")


def _programs() -> Iterator[Parameter]:
    yield _count(
        "query_retries", 3, "a front end's query is repeated this often, whatever the status", 10, _TANSTACK, "B"
    )
    yield _seconds("query_retry_first_wait_s", 1, "wait before the first repeat; doubles each time", _TANSTACK, "B")
    yield _count("service_retries", 2, "an iAPI caller repeats on 408, 409, 429, 5xx", 10, _SDKS, "B")
    yield _seconds("service_retry_first_wait_s", 0.5, "wait before its first repeat; doubles each time", _SDKS, "B")
    yield _share("owner_confirms_service_purchase", 0.50, "the owner confirms a service's waiting purchase later")
    yield _seconds("owner_confirms_median_s", 7_200, "how much later: median")
    yield _seconds("owner_confirms_p95_s", 64_800, "how much later: 95th percentile")


_SECTIONS: Final = {
    "Where customers are": _regions,
    "How they pay": _methods,
    "Cards": _cards,
    "3D Secure": _three_d_secure,
    "PayPal": _paypal,
    "When something goes wrong": _after_trouble,
    "Leaving": _leaving,
    "How long things take": _times,
    "What programs do by themselves": _programs,
}

PARAMETERS: Final[dict[str, Parameter]] = {
    parameter.name: parameter for section in _SECTIONS.values() for parameter in section()
}
"""Every parameter by its name."""


def parameters_page() -> str:
    """The catalogue as a Markdown page."""
    lines = [
        "# Parameters of the customer model",
        "",
        "Generated from `scenarios/parameters.py` by `python -m scenarios.parameters`; do not edit by hand. A scenario",
        "file overrides any of them under `customers.parameters`. They apply where a mix says `calibrated`.",
        "",
        "Grades: **B** official or a vendor's own data; **C** a named study at second hand; **D** one source's claim;",
        "**assumption**: a prior that no source backs, to be replaced by a measurement of your own.",
    ]
    for title, section in _SECTIONS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| name | default | unit | meaning | source | grade |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| `{p.name}` | {p.default:g} | {p.unit} | {p.meaning} | {p.source} | {p.grade} |" for p in section()
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(parameters_page(), end="")
