"""Probes: customers who come to look for defects, as programs that any world can run.

A scenario that names a probe (key `probe`) has each of its customers run the probe's program in place of a checkout. A
probe is in a file of its own, is listed here and, with a line about it, in `scenarios/probe_names.py`. What it tries
stands in the facts (`request.detail.probe`); what has to come of it is for properties to say, never for the probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sim.probes.administrators_grants import ADMINISTRATORS_GRANTS
from sim.probes.administrators_tokens import ADMINISTRATORS_TOKENS
from sim.probes.bad_batches import BAD_BATCHES
from sim.probes.billing_history import BILLING_HISTORY
from sim.probes.card_numbers import CARD_NUMBERS
from sim.probes.change_watched import CHANGE_WATCHED
from sim.probes.debts import DEBTS
from sim.probes.every_operation import EVERY_OPERATION
from sim.probes.expiry import EXPIRY
from sim.probes.forged_events import FORGED_EVENTS
from sim.probes.malformed_input import MALFORMED_INPUT
from sim.probes.ordinary_purchase import ORDINARY_PURCHASE
from sim.probes.other_accounts import OTHER_ACCOUNTS
from sim.probes.payment_method_removal import METHOD_BEFORE_CONFIRMATION, METHOD_IN_USE
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.probes.program import probe_program
from sim.probes.purchase_repeated import PURCHASE_REPEATED
from sim.probes.rate_limit import RATE_LIMIT
from sim.probes.reach import Reach
from sim.probes.repeats import REPEATS, REPEATS_AFTER_ERRORS

__all__ = ["PROBES", "Probe", "Prober", "Reach", "probe_program"]

PROBES: Final[Mapping[str, Probe]] = MappingProxyType(
    {
        probe.name: probe
        for probe in (
            ORDINARY_PURCHASE,
            OTHER_ACCOUNTS,
            ADMINISTRATORS_TOKENS,
            ADMINISTRATORS_GRANTS,
            CARD_NUMBERS,
            FORGED_EVENTS,
            MALFORMED_INPUT,
            BAD_BATCHES,
            RATE_LIMIT,
            REPEATS,
            REPEATS_AFTER_ERRORS,
            EVERY_OPERATION,
            METHOD_IN_USE,
            METHOD_BEFORE_CONFIRMATION,
            DEBTS,
            BILLING_HISTORY,
            CHANGE_WATCHED,
            PURCHASE_REPEATED,
            EXPIRY,
        )
    }
)
"""Every probe by its name."""
