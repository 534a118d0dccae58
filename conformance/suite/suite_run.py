"""One run of the suite: its target, its variants, and where they are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, get_args

from conformance.cells import cell_count, cells
from conformance.coverage import Coverage
from conformance.harness import HarnessNote, read_harness_note
from conformance.judging import Judging
from conformance.manifest import LeftOut, Manifest, PlannedVariant, StoredScenario, StoredSuite
from conformance.mock import NAME as MOCK
from conformance.mock import MockTarget
from conformance.real.profile_file import ProfileErrors
from conformance.real.surroundings import noted_circumstances
from conformance.real.target import RealTarget
from conformance.recording import variant_directory
from conformance.running import (
    CellFailed,
    CellResult,
    CellTask,
    FoldFactory,
    Plan,
    RunRecord,
    process_cell,
    read_plan,
)
from conformance.simulated import NAME as SIMULATED
from conformance.simulated import SimulatedTarget
from conformance.suite.selection import DEFAULT_PHASE, DEFAULT_REGIME, suite_scenarios, suite_variants
from conformance.suite.trouble import SET_UP_FAILED, Trouble, trouble_of
from conformance.target import Target
from scenarios.nearest import nearest
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import LoadedScenario
from scenarios.scenario import Regime, Variant
from scenarios.scenario_error import ScenarioErrors
from scenarios.variants import variant_slug

PROFILE_SUFFIX: Final = ".toml"
_LAST_PHASE: Final = 6
_DISTRIBUTION: Final = "gatefall"


def judging_of(_variant: Variant) -> Judging:
    """An empty judging of everything: the suite leaves no property out."""
    return Judging(CHECKED_PROPERTIES)


FOLDS: Final[tuple[FoldFactory, ...]] = (judging_of, Coverage.of)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line asks for. None: what the target says, or the default."""

    target: str = MOCK
    phase: int | None = None
    regime: str | None = None
    seed: int = 1
    customers: int | None = None


@dataclass
class SuiteRun:
    """The suite at a target. Raises Trouble for settings that cannot be meant, and where the target refuses."""

    settings: Settings
    target: Target = field(init=False)
    phase: int = field(init=False)
    regime: Regime = field(init=False)

    def __post_init__(self) -> None:
        self.target = _target_named(self.settings.target)
        self.phase = self._phase()
        self.regime = self._regime()
        if isinstance(self.target, RealTarget):
            self._checked(self.target, ())

    @property
    def in_one_process(self) -> bool:
        """Whether one process has to do everything: a real deployment's cap, rate and journal are for all together."""
        return isinstance(self.target, RealTarget)

    @cached_property
    def loaded(self) -> list[LoadedScenario]:
        """The scenarios of the suite. Raises Trouble where one has a mistake."""
        try:
            return suite_scenarios()
        except ScenarioErrors as errors:
            raise Trouble(f"mistakes in scenario files; nothing was run\n{errors}") from errors

    @cached_property
    def parted(self) -> tuple[tuple[Variant, ...], tuple[LeftOut, ...]]:
        """The variants that can be run, and those that cannot. Raises Trouble as `loaded`."""
        settings = self.settings
        asked_for = suite_variants(
            self.phase, self.regime, seed=settings.seed, customers=settings.customers, loaded=self.loaded
        )
        chosen: list[Variant] = []
        left_out: list[LeftOut] = []
        for variant in asked_for:
            because = self._why_left_out(variant)
            if because is None:
                chosen.append(variant)
            else:
                left_out.append(LeftOut(variant.scenario.name, slug_of(variant), because))
        return tuple(chosen), tuple(left_out)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants that can be run."""
        return self.parted[0]

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The variants that cannot be run at the target, and why."""
        return self.parted[1]

    def plan(self, chosen: Sequence[Variant]) -> Plan:
        """The plan of a run of some of the variants. Raises Trouble where the interlock refuses it."""
        if isinstance(self.target, RealTarget):
            self._checked(self.target, chosen)
            self.target.expect(chosen, self.settings.seed)
        return Plan(self.manifest_of(chosen), tuple(chosen))

    def manifest_of(self, chosen: Sequence[Variant]) -> Manifest:
        """The manifest of a run of some of the variants."""
        noted = noted_circumstances(self.target.profile) if isinstance(self.target, RealTarget) else {}
        names = {variant.scenario.name for variant in chosen}
        files = {one.scenario.name: one.file for one in self.loaded if one.scenario.name in names}
        return Manifest(
            gatefall=_version(),
            seed=self.settings.seed,
            target=self.settings.target,
            scenarios=tuple(
                StoredScenario.of(name, file, Path(file).read_text(encoding="utf-8")) for name, file in files.items()
            ),
            variants=planned(chosen),
            customers=self.settings.customers,
            circumstances=noted,
            left_out=self.left_out,
            suite=StoredSuite(self.phase, self.regime),
        )

    def carry_out(self, plan: Plan, number: int, out: Path) -> list[CellResult]:
        """Run and record one variant of a plan. Raises Trouble where it could not be carried out."""
        variant, shown = plan.variants[number], plan.manifest.variants[number]
        directory = variant_directory(out, shown.scenario, shown.slug)
        circumstances = plan.manifest.circumstances_of(variant)
        try:
            return [
                process_cell(
                    CellTask(cell, variant, circumstances, plan.manifest.seed, directory, self.target, (judging_of,))
                )
                for cell in cells(number, variant)
            ]
        except CellFailed as error:
            cause = trouble_of(error.__cause__)
            if cause is not None:
                raise cause from None
            raise Trouble(f"the run failed in {error}", SET_UP_FAILED) from error

    def end(self, out: Path) -> list[str]:
        """Write down how late the harness was; what was left at the deployment, in words."""
        if not isinstance(self.target, RealTarget):
            return []
        note = HarnessNote.of(self.target.lateness, self.target.lateness_bound_us)
        note.after(read_harness_note(out)).write(out)
        left = list(self.target.remarks)
        if self.target.not_deleted:
            left.append(
                f"{self.target.not_deleted} accounts could not be deleted; `gatefall clean {self.target.name}` does it"
            )
        return left

    def _phase(self) -> int:
        wanted, told = self.settings.phase, self._told("phase")
        if wanted is not None and not 0 <= wanted <= _LAST_PHASE:
            raise Trouble(f"--phase {wanted}: expected a phase from 0 to {_LAST_PHASE}")
        if wanted is not None and told is not None and wanted != told:
            raise Trouble(
                f"--phase {wanted}: {self.settings.target} says that the deployment is in phase {told} "
                "(backend.phase); leave --phase out, or correct the profile"
            )
        return next(phase for phase in (wanted, told, DEFAULT_PHASE) if phase is not None)

    def _regime(self) -> Regime:
        wanted, told = self.settings.regime, self._told("regime")
        regimes: tuple[Regime, ...] = get_args(Regime)
        if wanted is not None and wanted not in regimes:
            near = nearest(wanted, regimes)
            meant = f'; did you mean "{near}"?' if near else ""
            raise Trouble(f'--regime "{wanted}": expected {", ".join(regimes)}{meant}')
        if wanted is not None and told is not None and wanted != told:
            raise Trouble(
                f"--regime {wanted}: {self.settings.target} says that the deployment's regime is {told} "
                "(backend.regime); leave --regime out, or correct the profile"
            )
        return next(one for one in regimes if one == (wanted or told or DEFAULT_REGIME))

    def _told(self, name: str) -> Any:
        """What a profile says of its deployment; None where it can be set, or says nothing."""
        if not isinstance(self.target, RealTarget) or self.target.profile.backend.phase == "config":
            return None
        return getattr(self.target.profile.backend, name)

    def _why_left_out(self, variant: Variant) -> str | None:
        if not isinstance(self.target, RealTarget):
            return None
        return self.target.why_left_out(variant, self.settings.seed)

    @staticmethod
    def _checked(target: RealTarget, variants: Sequence[Variant]) -> None:
        try:
            target.check(variants)
        except Exception as error:
            trouble = trouble_of(error)
            if trouble is None:
                raise
            raise trouble from None


def read_suite(plan: Plan, out: Path) -> RunRecord:
    """Fold what is recorded of a run of the suite."""
    return read_plan(plan, out, FOLDS)


def planned(chosen: Iterable[Variant]) -> tuple[PlannedVariant, ...]:
    """The variants as a manifest keeps them."""
    return tuple(
        PlannedVariant(variant.scenario.name, slug_of(variant), variant.scenario.customers.count, cell_count(variant))
        for variant in chosen
    )


def slug_of(variant: Variant) -> str:
    """A variant's name within its scenario: "phase-2-continuation-old"."""
    return variant_slug(variant).removeprefix(f"{variant.scenario.name}-")


def item_name(variant: Variant, all_variants: Sequence[Variant]) -> str:
    """How a variant is called among the suite's: by its scenario, and by its front end where there are several."""
    name = variant.scenario.name
    several = sum(other.scenario.name == name for other in all_variants) > 1
    return f"{name}-{variant.front_end}" if several else name


def with_status(plan: Plan, status: Any) -> Plan:
    """The same plan at another stage."""
    return replace(plan, manifest=plan.manifest.with_status(status))


def _target_named(name: str) -> Target:
    """The target of a name. Raises Trouble."""
    if name.endswith(PROFILE_SUFFIX):
        try:
            return RealTarget(Path(name))
        except ProfileErrors as errors:
            raise Trouble(str(errors)) from None
    if name == MOCK:
        return MockTarget()
    if name == SIMULATED:
        return SimulatedTarget()
    near = nearest(name, (SIMULATED, MOCK))
    meant = f'; did you mean "{near}"?' if near else ""
    raise Trouble(f'--target "{name}": expected simulated, mock or the profile of a deployment (*.toml){meant}')


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:  # run from a checkout that nobody installed
        return "not installed"
