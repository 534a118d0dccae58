"""How a backend deployment is set: phase, regime, gates, limits and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scenarios.phase import GateMode, gate_modes
from scenarios.scenario import Regime

REGIMES: Final[tuple[Regime, ...]] = ("legacy", "act-1", "continuation")
PM_GATE: Final = "pm-gate"
"""The server-side flag of the payment-method gate."""

RATE_LIMIT: Final = 1_200
"""Requests per credential in five minutes, then 429 for five minutes. Source: the platform's public API limits."""


class BackendConfig:
    """Settings of one deployment; `change` is what `PUT /__test__/config` does.

    Raises ValueError for a phase or a regime that does not exist.
    """

    __slots__ = (
        "admin_jwt_secret",
        "gate_modes",
        "gates",
        "phase",
        "rate_limit",
        "regime",
        "stripe_secret_key",
        "webhook_secret",
    )

    def __init__(
        self,
        phase: int = 2,
        regime: Regime = "continuation",
        gates: Mapping[str, bool] | None = None,
        rate_limit: int = RATE_LIMIT,
        admin_jwt_secret: str = "gatefall-admin-secret-for-tests-only",
        webhook_secret: str = "whsec_gatefall",
        stripe_secret_key: str = "sk_test_gatefall",
    ) -> None:
        self.gates: dict[str, bool] = {}
        self.phase = phase
        self.regime: Regime = regime
        self.rate_limit = rate_limit
        self.admin_jwt_secret = admin_jwt_secret
        self.webhook_secret = webhook_secret
        self.stripe_secret_key = stripe_secret_key
        self.gate_modes: Mapping[str, GateMode] = {}
        self.change(phase=phase, regime=regime, gates=gates or {}, rate_limit=rate_limit)

    def change(
        self,
        phase: int | None = None,
        regime: str | None = None,
        gates: Mapping[str, bool] | None = None,
        rate_limit: int | None = None,
    ) -> None:
        """Set what is given, all or nothing. Raises ValueError where a value does not exist."""
        merged = {**self.gates, **(gates or {})}
        modes = gate_modes(self.phase if phase is None else phase, merged.get(PM_GATE, True))
        if regime is not None and regime not in REGIMES:
            raise ValueError(f"regime: {regime!r} does not exist: expected one of {', '.join(REGIMES)}")
        if rate_limit is not None and rate_limit < 1:
            raise ValueError(f"rate_limit: {rate_limit} is not possible: expected at least 1 request per five minutes")
        self.gate_modes = modes
        self.gates = merged
        if phase is not None:
            self.phase = phase
        if regime is not None:
            self.regime = regime
        if rate_limit is not None:
            self.rate_limit = rate_limit
