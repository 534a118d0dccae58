"""What a scenario file says, as typed data. Reading, line numbers and messages are in reading.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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
DoubleSubmit = Literal["never", "double_click", "two_tabs", "retry_after_timeout"]
FrontEnd = Literal["auto", "old", "inline", "new"]
Regime = Literal["legacy", "act-1", "continuation"]
ServiceName = Literal["gateway", "subscriptions-api", "billing-webhooks", "stripe"]


def _as_mix(value: Any) -> Any:
    """A single name stands for a mix of that name alone."""
    return {value: 1.0} if isinstance(value, str) else value


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]


class Arrivals(Model):
    """When customers come. `poisson` and `uniform` spread `customers.count` over `over`; `every` is a fixed gap."""

    process: Literal["poisson", "uniform", "at_once", "every", "daily_rhythm"] = "poisson"
    over: DurationUs = 3_600_000_000
    every: DurationUs | None = None


class Line(Model):
    rate_plan: str
    frequency: Literal["monthly", "yearly"] = "monthly"
    quantity: Annotated[int, Field(ge=1)] = 1
    zone: Literal["none", "existing", "new"] = "none"


class Domain(Model):
    name: str = "auto"
    tld: str = "com"
    years: Annotated[int, Field(ge=1, le=10)] = 1


class Upgrade(Model):
    """A change of plan on a subscription that the customer has from the start."""

    from_plan: str
    to_plan: str
    frequency: Literal["monthly", "yearly"] = "monthly"


class Append(Model):
    """More of a component on a subscription that the customer has from the start."""

    rate_plan: str
    component: str
    value: Annotated[int, Field(ge=1)]


class Cart(Model):
    """One possible cart; the items go their separate ways in step 3 of the Unified Checkout."""

    weight: Weight = 1.0
    lines: tuple[Line, ...] = ()
    domains: tuple[Domain, ...] = ()
    upgrade: Upgrade | None = None
    append: Append | None = None


class Customers(Model):
    """Who comes and how they behave. A mix is a mapping of names to weights; `calibrated` takes the figures of the
    default customer model (docs/parameters.md), by region where they differ."""

    count: Annotated[int, Field(ge=1, le=10_000_000)] = 400
    arrivals: Arrivals = Arrivals()
    regions: Annotated[dict[Region, Weight], BeforeValidator(_as_mix)] | None = None
    payment_method_on_file: Annotated[dict[PaymentMethodState, Weight], BeforeValidator(_as_mix)] = {"none": 1.0}
    client: Annotated[dict[Client, Weight], BeforeValidator(_as_mix)] = {"unified-checkout": 1.0}
    front_end: FrontEnd = "auto"
    carts: tuple[Cart, ...] = (Cart(lines=(Line(rate_plan="workers_paid"),)),)
    pays_with: Annotated[dict[PaysWith, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    payment_step: Annotated[dict[PaymentStep, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    first_card: Annotated[dict[CardBehaviour, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    next_card: Annotated[dict[CardBehaviour, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    challenge: Annotated[dict[ChallengeOutcome, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    redirect: Annotated[dict[RedirectOutcome, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    after_decline: Annotated[dict[AfterDecline, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    after_gate: Annotated[dict[AfterGate, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "calibrated"
    abandons_at: Annotated[dict[AbandonStep, Weight], BeforeValidator(_as_mix)] | Literal["calibrated"] = "never"  # type: ignore[assignment]
    double_submit: Annotated[dict[DoubleSubmit, Weight], BeforeValidator(_as_mix)] = {"never": 1.0}
    returns_after: DurationUs | None = None
    iapi_service: str = "provisioner"
    parameters: dict[str, float] = {}


class Backend(Model):
    phase: Annotated[int, Field(ge=0, le=6)] | None = None
    regime: Regime = "continuation"
    gates: dict[str, bool] = {}
    currency: Literal["usd"] = "usd"


class Capacity(Model):
    """How many requests a service works on at once; the rest queue. Absent: never any queue (an assumption)."""

    workers: Annotated[int, Field(ge=1)]
    service_time: DurationUs = 20_000
    distribution: Literal["exponential", "constant"] = "exponential"


class Fault(Model):
    """Something that goes wrong, by probability, for the first n times, or in a window of time.

    `first` counts for each customer, so that customers stay independent of one another.
    """

    kind: Literal[
        "latency",
        "drop_request",
        "drop_answer",
        "error",
        "webhook_duplicate",
        "webhook_reorder",
        "webhook_delay",
        "webhook_drop",
    ]
    service: ServiceName | None = None
    operation: str | None = None
    probability: Share = 1.0
    first: Annotated[int, Field(ge=1)] | None = None
    after: DurationUs | None = None
    until: DurationUs | None = None
    status: Annotated[int, Field(ge=400, le=599)] = 503
    delay: DurationUs | None = None
    copies: Annotated[int, Field(ge=2, le=10)] = 2


class Matrix(Model):
    """The variants of one file: every combination of what is listed."""

    phase: tuple[Annotated[int, Field(ge=0, le=6)], ...] | None = None
    regime: tuple[Regime, ...] | None = None
    front_end: tuple[FrontEnd, ...] | None = None


class Expectation(Model):
    """What is expected where `when` holds (always, if absent).

    `thresholds`: expressions over the metrics of the run ("conversion >= 0.6"). `violated`: the properties that a
    negative control must violate; all others must hold.
    """

    when: str | None = None
    thresholds: tuple[str, ...] = ()
    violated: tuple[str, ...] = ()


class Scenario(Model):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: str
    description: str = ""
    customers: Customers = Customers()
    backend: Backend = Backend()
    capacity: dict[ServiceName, Capacity] = {}
    faults: tuple[Fault, ...] = ()
    matrix: Matrix = Matrix()
    properties: Literal["all"] | tuple[str, ...] = "all"
    expect: tuple[Expectation, ...] = ()


class Variant(Model):
    """One scenario with its matrix and its defaults resolved: what a world can run."""

    scenario: Scenario
    file: str
    phase: int
    regime: Regime
    front_end: Literal["old", "inline", "new"]
    pm_gate: bool
