"""From arguments, or from a recorded run, to a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gatefall import __version__
from gatefall.mistakes import Mistake
from gatefall.selection import load, load_stored, stored

if TYPE_CHECKING:
    from conformance.manifest import LeftOut, Manifest, PlannedVariant
    from conformance.running import Plan
    from scenarios.reading import LoadedScenario
    from scenarios.scenario import Variant


_NAMES_SHOWN: Final = 3
WhyLeftOut = Callable[["Variant"], str | None]
"""Why a variant cannot be run at a target; None where it can."""


def slug_of(variant: Variant) -> str:
    """A variant's name within its scenario: "phase-2-continuation-old"."""
    from scenarios.variants import variant_slug

    return variant_slug(variant).removeprefix(f"{variant.scenario.name}-")


def new_plan(
    scenarios: Sequence[str],
    seed: int,
    target: str,
    phases: tuple[int, ...],
    customers: int | None,
    circumstances: Mapping[str, Any] | None = None,
    why_left_out: WhyLeftOut | None = None,
) -> Plan:
    """The plan for what the command line asks for; `circumstances` are a real deployment's. Raises Mistake.

    What `why_left_out` gives a reason for is left out; a plan of which nothing is left is a mistake.
    """
    from conformance.manifest import Manifest
    from conformance.running import Plan

    loaded = load(scenarios)
    chosen, left_out = _parted(_variants(loaded, phases, customers), why_left_out)
    if not chosen:
        raise Mistake(f"nothing that was asked for can be run at {target}:\n" + "\n".join(left_out_lines(left_out)))
    manifest = Manifest(
        gatefall=__version__,
        seed=seed,
        target=target,
        scenarios=stored(loaded),
        variants=_planned(chosen),
        phases=phases,
        customers=customers,
        circumstances=circumstances or {},
        left_out=left_out,
    )
    return Plan(manifest, tuple(chosen))


def recorded_plan(out: Path) -> Plan:
    """The plan of the run that is recorded in a directory. Raises Mistake."""
    from conformance.manifest import NotARun, read_manifest
    from conformance.running import Plan

    try:
        manifest = read_manifest(out)
    except NotARun as error:
        raise Mistake(str(error)) from error
    chosen = _suite(manifest) if manifest.suite is not None else _asked_for(manifest)
    if _planned(chosen) != manifest.variants:
        raise Mistake(
            f"{out}: its scenarios mean other variants to this version of gatefall ({__version__}) "
            f"than to the one that recorded them ({manifest.gatefall}); run them anew"
        )
    return Plan(manifest, tuple(chosen))


def _asked_for(manifest: Manifest) -> list[Variant]:
    """The variants of a run of scenarios."""
    left_out = {(one.scenario, one.slug) for one in manifest.left_out}
    asked_for = _variants(load_stored(manifest.scenarios), manifest.phases, manifest.customers)
    return [one for one in asked_for if (one.scenario.name, slug_of(one)) not in left_out]


def _suite(manifest: Manifest) -> list[Variant]:
    """The variants of a run of the conformance suite: those of them that were chosen."""
    from conformance.suite.selection import suite_variants

    assert manifest.suite is not None
    asked_for = suite_variants(
        manifest.suite.phase,
        manifest.suite.regime,
        seed=manifest.seed,
        customers=manifest.customers,
        loaded=load_stored(manifest.scenarios),
    )
    planned = {(one.scenario, one.slug) for one in manifest.variants}
    return [one for one in asked_for if (one.scenario.name, slug_of(one)) in planned]


def check_same_model(out: Path, manifest: Manifest) -> None:
    """Raise Mistake if the facts that are still missing would be made by another model than those that are there."""
    from conformance.manifest import model_fingerprint

    if manifest.model != model_fingerprint() or manifest.gatefall != __version__:
        raise Mistake(
            f"{out}: was begun with another version of the model, so that it cannot be completed; "
            "run it anew with --force"
        )


def _variants(loaded: Sequence[LoadedScenario], phases: tuple[int, ...], customers: int | None) -> list[Variant]:
    from scenarios.variants import variants

    chosen = variants(loaded, phases or None, customers)
    if not chosen:
        raise Mistake(f"none of the scenarios has a variant in phase {', '.join(map(str, phases))}")
    return chosen


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """What was left out, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.because, []).append(one.scenario)
    return [_left_out_line(because, names) for because, names in by_reason.items()]


def _left_out_line(because: str, names: Sequence[str]) -> str:
    where = _some(tuple(dict.fromkeys(names)))
    if len(names) == 1:
        return f"left out: 1 variant ({where}): it {because}"
    return f"left out: {len(names):,} variants ({where}): each {because}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} scenarios more"


def _parted(asked_for: Sequence[Variant], why_left_out: WhyLeftOut | None) -> tuple[list[Variant], tuple[LeftOut, ...]]:
    """What can be run, and what cannot."""
    from conformance.manifest import LeftOut

    chosen: list[Variant] = []
    left_out: list[LeftOut] = []
    for variant in asked_for:
        because = None if why_left_out is None else why_left_out(variant)
        if because is None:
            chosen.append(variant)
        else:
            left_out.append(LeftOut(variant.scenario.name, slug_of(variant), because))
    return chosen, tuple(left_out)


def _planned(chosen: Sequence[Variant]) -> tuple[PlannedVariant, ...]:
    from conformance.cells import cell_count
    from conformance.manifest import PlannedVariant

    return tuple(
        PlannedVariant(variant.scenario.name, slug_of(variant), variant.scenario.customers.count, cell_count(variant))
        for variant in chosen
    )
