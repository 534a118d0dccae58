"""What a scenario file says, as typed data. Reading, line numbers and messages are in reading.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scenarios.duration import DurationUs

Client = Literal["unified-checkout", "multisku", "billing-profile", "iapi"]
PaymentMethodState = Literal["none", "valid", "expired", "declining", "requires_authentication", "paypal"]
Region = Literal["europe", "united_kingdom", "north_america", "asia", "rest"]
PaysWith = Literal["saved", "card", "wallet", "paypal"]
CardBehaviour = Literal[
    "succeeds",
    "three_d_secure",
    "three_d_secure_then_declined",
    "three_d_secure_then_insufficient_funds",
    "generic_decline",
    "insufficient_funds",
    "lost_card",
    "stolen_card",
    "expired_card",
    "incorrect_cvc",
    "processing_error",
    "card_velocity_exceeded",
    "incorrect_number",
    "attaches_then_fails",
    "blocked",
]
ChallengeOutcome = Literal["passed", "failed", "abandoned"]
RedirectOutcome = Literal["finished", "cancelled", "never_back", "refused"]
AfterDecline = Literal["same_card", "another_card", "paypal", "gives_up"]
AfterGate = Literal["leaves", "adds_payment_method", "asks_support"]
PaymentStep = Literal["before_submit", "skipped"]
AbandonStep = Literal["never", "cart", "payment", "confirmation"]
Standing = Literal["good", "locked", "banned", "debtor"]
DoubleSubmit = Literal["never", "double_click", "two_tabs", "retry_after_timeout"]
FrontEnd = Literal["auto", "old", "inline", "new"]
Regime = Literal["legacy", "act-1", "continuation"]
ServiceName = Literal["gateway", "subscriptions-api", "billing-webhooks", "stripe"]


def _as_mix(value: Any) -> Any:
    """A single name stands for a mix of that name alone."""
    return {value: 1.0} if isinstance(value, str) else value


class Model(BaseModel):
    """What all parts of a scenario have in common: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Phase = Annotated[int, Field(ge=0, le=6)]


class Arrivals(Model):
    """When customers come. `poisson` and `uniform` spread `customers.count` over `over`; `daily_rhythm` does so by the
    hours of day and week; `at_once`: all at the start; `every`: one after another, with a fixed gap."""

    process: Literal["poisson", "uniform", "at_once", "every", "daily_rhythm"] = "poisson"
    """How the customers are spread."""
    over: DurationUs = 3_600_000_000
    """How long the arrivals go on, such as 1h or 7d."""
    every: DurationUs | None = None
    """The gap between two customers, for the process `every`; without it, `over` divided by the number of customers."""


class Line(Model):
    """One subscription of a cart."""

    rate_plan: str
    """Id of the product."""
    frequency: Literal["monthly", "yearly"] = "monthly"
    """How often it is billed; only zone plans are sold by the year."""
    quantity: Annotated[int, Field(ge=1)] = 1
    """How many units; the price is that of one unit times the quantity."""
    zone: Literal["none", "existing", "new"] = "none"
    """The zone (site) it is for: none, one that the account has, or one that the purchase creates."""


class Domain(Model):
    """One domain to register."""

    name: str = "auto"
    """The name without its top-level domain; `auto` makes one up for each customer."""
    tld: str = "com"
    """The top-level domain, which decides the price."""
    years: Annotated[int, Field(ge=1, le=10)] = 1
    """For how many years it is paid in advance."""


class Upgrade(Model):
    """A change of plan on a subscription that the customer has from the start."""

    from_plan: str
    """The rate plan in force at the start."""
    to_plan: str
    """The rate plan bought. The difference of the two prices is due."""
    frequency: Literal["monthly", "yearly"] = "monthly"
    """Frequency of both."""


class Append(Model):
    """More of a component on a subscription that the customer has from the start."""

    rate_plan: str
    """The rate plan in force at the start."""
    component: str
    """The component that is added to."""
    value: Annotated[int, Field(ge=1)]
    """How many units are added; the price is that of one unit times the value."""


class Cart(Model):
    """One possible cart; the items go their separate ways in step 3 of the Unified Checkout."""

    weight: Weight = 1.0
    """How frequent this cart is, relative to the others."""
    lines: tuple[Line, ...] = ()
    """Subscriptions, bought together with one bulk create."""
    domains: tuple[Domain, ...] = ()
    """Domains, bought with the registrar's checkout."""
    upgrade: Upgrade | None = None
    """A change of plan."""
    append: Append | None = None
    """An addition to a component."""


class Customers(Model):
    """Who comes and how they behave. A mix is a mapping of names to weights, or a single name; `calibrated` takes the
    figures of the default customer model (docs/parameters.md), by region where they differ."""

    count: Annotated[int, Field(ge=1, le=10_000_000)] = 400
    """How many customers come in each variant."""
    arrivals: Arrivals = Arrivals()
    """When they come."""
    regions: Annotated[dict[Region, Weight], BeforeValidator(_as_mix)] | None = None
    """Where they are. Absent: the mix of the default customer model."""
    payment_method_on_file: Annotated[dict[PaymentMethodState, Weight], BeforeValidator(_as_mix)] = {"none": 1.0}
    """The payment method that the account has at the start."""
    client: Annotated[dict[Client, Weight], BeforeValidator(_as_mix)] = {"unified-checkout": 1.0}
    """What they buy with. `iapi` is a service without a customer; `billing-profile` manages payment methods only."""
    front_end: FrontEnd = "auto"
    """Generation of the front end; `auto`: the one that is out in the phase (old 0-2, inline 3, new 4-6)."""
    carts: tuple[Cart, ...] = (Cart(lines=(Line(rate_plan="workers_paid"),)),)
    """The possible carts. Absent: one line of workers_paid."""
    pays_with: Annotated[dict[PaysWith, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    """What they prefer to pay with; `saved` is the payment method on file."""
    payment_step: Annotated[dict[PaymentStep, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    """Whether an old front end collects a payment method before it submits."""
    first_card: Annotated[dict[CardBehaviour, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    """How the first card behaves that a customer pays with."""
    next_card: Annotated[dict[CardBehaviour, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    """How the cards behave that are tried after a decline."""
    challenge: Annotated[dict[ChallengeOutcome, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = (
        "calibrated"
    )
    """How a 3DS challenge ends."""
    redirect: Annotated[dict[RedirectOutcome, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    """How a redirect to PayPal ends; `never_back`: approved there, and the browser is closed."""
    after_decline: Annotated[dict[AfterDecline, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = (
        "calibrated"
    )
    """What people do after a payment failed."""
    after_gate: Annotated[dict[AfterGate, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    """What people do whom the payment-method gate refused (402/1210)."""
    abandons_at: Annotated[dict[AbandonStep, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = {"never": 1.0}
    """Where people leave the checkout of their own accord."""
    double_submit: Annotated[dict[DoubleSubmit, Weight], BeforeValidator(_as_mix)] = {"never": 1.0}
    """Whether the same purchase is submitted twice, and how."""
    standing: Annotated[dict[Standing, Weight], BeforeValidator(_as_mix)] = {"good": 1.0}
    """Whether the account may buy at all: locked, banned and indebted ones are refused whatever becomes of the gate."""
    returns_after: DurationUs | None = None
    """Those who left unpaid come back after this time and buy again. Absent: they do not."""
    watchful: bool = False
    """Whether they look at their subscriptions and entitlements after everything that they ask to be changed, and
    have every answer held against the contract: what is wrong only for a moment is seen then."""
    iapi_service: Annotated[str, Field(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$")] = "provisioner"
    """Name of the service, where the client is `iapi`."""
    parameters: dict[str, float] = {}
    """Figures of the customer model that differ from docs/parameters.md, by name."""


class Backend(Model):
    """The deployment's settings."""

    phase: Phase | None = None
    """Phase of the gate's removal, 0 to 6. Absent, and not in the matrix either: all of them."""
    regime: Regime = "continuation"
    """What happens between commit and payment: grant first (legacy), confirm first (act-1), grant by event."""
    gates: dict[str, bool] = {}
    """Gates (feature flags) that depart from their defaults, by name."""
    rate_limit: Annotated[int, Field(ge=1)] | None = None
    """Requests of one credential in five minutes, where the deployment's settings can be changed. Absent: its own."""
    currency: Literal["usd"] = "usd"
    """Currency of all prices."""


class Capacity(Model):
    """How many requests a service works on at once; the rest queue. Absent: never any queue (an assumption)."""

    workers: Annotated[int, Field(ge=1, le=100_000)]
    """Requests worked on at once."""
    service_time: DurationUs = 20_000
    """Mean time of work on one request."""
    distribution: Literal["exponential", "constant"] = "exponential"
    """Distribution of that time."""


StormKind = Literal[
    "latency",
    "drop_request",
    "drop_answer",
    "error",
    "rate_limit",
    "outage",
    "webhook_duplicate",
    "webhook_reorder",
    "webhook_delay",
    "webhook_drop",
    "webhook_resend",
]
FaultKind = Literal[StormKind, "webhook_forged"]


class Fault(Model):
    """Something that goes wrong, by probability, for the first n times, or in a window of time.

    `first` counts for each customer, so that customers stay independent of one another.
    """

    kind: FaultKind
    """What goes wrong. The webhook_ kinds concern the delivery of Stripe's events, the others calls to a service."""
    service: ServiceName | None = None
    """The service that is called; needed by all kinds but the webhook_ ones, which have none."""
    operation: str | None = None
    """Only calls of this operation, or only events of this type. Absent: all."""
    probability: Share = 1.0
    """How likely the fault strikes at each opportunity."""
    first: Annotated[int, Field(ge=1)] | None = None
    """Only the first so many opportunities of each customer. Absent: always."""
    after: DurationUs | None = None
    """Only from this time of the run on."""
    until: DurationUs | None = None
    """Only before this time of the run."""
    status: Annotated[int, Field(ge=400, le=599)] = 503
    """HTTP status of the kind `error`."""
    retry_after: DurationUs | None = None
    """How long the 429 of `rate_limit` asks callers to wait, in whole seconds. Absent: 5s (an assumption)."""
    delay: DurationUs | None = None
    """How much later, for `latency`, `webhook_delay`, `webhook_reorder`, `webhook_duplicate` and `webhook_resend`."""
    copies: Annotated[int, Field(ge=2, le=10)] = 2
    """How many deliveries in all, for `webhook_duplicate`."""


class Storm(Model):
    """Faults that are drawn, for each customer anew, and that end: after them everything must converge.

    A coin is tossed for each kind; for those that are in it the service, the rate (or the first n times), delays and
    statuses are drawn. The same seed draws the same for the same customer.
    """

    until: DurationUs
    """When it ends, as a time of the run. Nothing strikes from then on, but what is delayed still arrives."""
    after: DurationUs = 0
    """When it begins, as a time of the run."""
    kinds: tuple[StormKind, ...] = get_args(StormKind)
    """The kinds that may be drawn. Absent: all but forged events, which are no fault of a network."""
    probability: Annotated[float, Field(gt=0, le=1)] = 0.3
    """The highest rate that may be drawn for a kind."""
    longest_delay: DurationUs = 600_000_000
    """The longest delay that may be drawn; short ones are more frequent."""


class Matrix(Model):
    """The variants of one file: every combination of what is listed."""

    phase: tuple[Phase, ...] | None = None
    """Phases to run in."""
    regime: tuple[Regime, ...] | None = None
    """Engine regimes to run under."""
    front_end: tuple[FrontEnd, ...] | None = None
    """Generations of the front end to run with."""


class Expectation(Model):
    """What is expected where `when` holds (always, if absent).

    `thresholds`: expressions over the metrics of the run ("conversion >= 0.6"). `violated`: the properties that a
    negative control must violate; all others must hold.
    """

    when: str | None = None
    """The variants meant, such as "phase >= 2 and regime == legacy"."""
    thresholds: tuple[str, ...] = ()
    """Comparisons of a metric with a number, such as "conversion >= 0.6"."""
    violated: tuple[str, ...] = ()
    """Properties that must be violated: what makes a scenario a negative control."""


class Scenario(Model):
    """One scenario file: who comes, what the deployment is like, what goes wrong, and what is expected."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
    """The scenario's name: lower-case words joined by hyphens."""
    title: Annotated[str, Field(min_length=1)]
    """One line for reports."""
    description: str = ""
    """What the scenario is for, and how to read its result."""
    customers: Customers = Customers()
    """Who comes and how they behave."""
    probe: str | None = None
    """What they do instead of shopping: a probe, by name, which tries what no honest customer would, or what none does
    by itself. Its customers are always inspected as watchful ones are."""
    backend: Backend = Backend()
    """The deployment's settings."""
    capacity: dict[ServiceName, Capacity] = {}
    """Services that work on a limited number of requests at once."""
    faults: Annotated[tuple[Fault, ...], Field(max_length=64)] = ()
    """What goes wrong."""
    storm: Storm | None = None
    """What may go wrong besides, drawn for each customer."""
    matrix: Matrix = Matrix()
    """The variants to run."""
    properties: Literal["all"] | tuple[str, ...] = "all"
    """The properties to check."""
    expect: tuple[Expectation, ...] = ()
    """What is expected of the result, besides that the properties hold."""

    @property
    def has_faults(self) -> bool:
        """Whether anything is made to go wrong, listed or drawn."""
        return bool(self.faults) or self.storm is not None


class Variant(Model):
    """One scenario with its matrix and its defaults resolved: what a world can run."""

    scenario: Scenario
    file: str
    phase: int
    regime: Regime
    front_end: Literal["old", "inline", "new"]
    pm_gate: bool
    """Whether the payment-method gate refuses or warns anywhere; never from phase 2 on."""
