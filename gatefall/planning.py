"""From arguments, or from a recorded run, to a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefall import __version__
from gatefall.mistakes import Mistake
from gatefall.selection import load, load_stored, stored

if TYPE_CHECKING:
    from conformance.manifest import Manifest, PlannedVariant
    from conformance.running import Plan
    from scenarios.reading import LoadedScenario
    from scenarios.scenario import Variant


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
) -> Plan:
    """The plan for what the command line asks for; `circumstances` are a real deployment's. Raises Mistake."""
    from conformance.manifest import Manifest
    from conformance.running import Plan

    loaded = load(scenarios)
    chosen = _variants(loaded, phases, customers)
    manifest = Manifest(
        gatefall=__version__,
        seed=seed,
        target=target,
        scenarios=stored(loaded),
        variants=_planned(chosen),
        phases=phases,
        customers=customers,
        circumstances=circumstances or {},
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
    chosen = _variants(load_stored(manifest.scenarios), manifest.phases, manifest.customers)
    if _planned(chosen) != manifest.variants:
        raise Mistake(
            f"{out}: its scenarios mean other variants to this version of gatefall ({__version__}) "
            f"than to the one that recorded them ({manifest.gatefall}); run them anew"
        )
    return Plan(manifest, tuple(chosen))


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


def _planned(chosen: Sequence[Variant]) -> tuple[PlannedVariant, ...]:
    from conformance.cells import cell_count
    from conformance.manifest import PlannedVariant

    return tuple(
        PlannedVariant(variant.scenario.name, slug_of(variant), variant.scenario.customers.count, cell_count(variant))
        for variant in chosen
    )
