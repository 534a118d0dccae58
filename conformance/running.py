"""Running a plan: cells are run, recorded and folded, by any `concurrent.futures.Executor`, and merged in their order.

Judging is not running: what judges or counts comes in as *folds*, which see every customer's history once. A run that
was recorded is folded again by reading it; one that stopped half way is completed by running what is missing.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

from conformance.batch import Batch
from conformance.cells import Cell, cells
from conformance.circumstances import Circumstances
from conformance.history import History
from conformance.manifest import Manifest
from conformance.recording import (
    CUSTOMERS_PER_PART,
    CellWriter,
    DamagedPart,
    Part,
    PartReader,
    Recorded,
    combined_digest,
    part_path,
    remove_partial_files,
    variant_directory,
)
from conformance.target import Target
from conformance.workers import in_order, terminable, worker_pool
from scenarios.scenario import Variant
from sim.facts import Fact

_CUSTOMERS_PER_COLLECTION: Final = 128
_PARTS_PER_FULL_COLLECTION: Final = 16
"""When garbage is collected: the automatic collector, which is off while a cell runs, would look at the same long-lived
objects over and over."""


class Fold(Protocol):
    """Something that sees every customer once and can be put together from its pieces, in the order of the cells."""

    def add(self, history: History) -> None:
        """See one customer's whole history."""

    def merge(self, other: Any) -> None:
        """Take over what a fold of later customers has seen."""


FoldFactory = Callable[[Variant], Fold]
"""Makes an empty fold for a variant. Must survive pickling, as its folds must: name a class or a module's function."""


class CellFailed(Exception):
    """Customers could not be run. Names the scenario and the customers, for a cell the variant too; says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: its manifest, and the variants in the order of `manifest.variants`."""

    manifest: Manifest
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class CellTask:
    """Everything a worker needs for one cell. Without a target it only reads what is recorded."""

    cell: Cell
    variant: Variant
    circumstances: Circumstances
    seed: int
    directory: Path
    target: Target | None
    folds: tuple[FoldFactory, ...]


@dataclass(frozen=True, slots=True)
class CellResult:
    """What came of one cell: its parts, its folds, and what is wrong with files that were found."""

    cell: Cell
    parts: tuple[Part, ...]
    folds: tuple[Fold, ...]
    damaged: tuple[str, ...] = ()

    @property
    def customers(self) -> int:
        """How many of the cell's customers are recorded and folded."""
        return sum(part.customers for part in self.parts)


@dataclass(slots=True)
class VariantRecord:
    """What came of one variant. `folds` are in the order of the factories."""

    variant: Variant
    slug: str
    folds: list[Fold]
    customers: int = 0
    facts: int = 0
    damaged: list[str] = field(default_factory=list)
    _digest: Any = field(default_factory=sha256)

    @property
    def scenario(self) -> str:
        """The name of the scenario."""
        return self.variant.scenario.name

    @property
    def planned(self) -> int:
        """How many customers there should be."""
        return self.variant.scenario.customers.count

    @property
    def complete(self) -> bool:
        """Whether every customer is recorded."""
        return self.customers == self.planned

    @property
    def facts_sha256(self) -> str:
        """The digest of the variant's facts, as far as they are recorded."""
        return str(self._digest.hexdigest())

    def take(self, result: CellResult) -> None:
        """Merge the variant's next cell."""
        for mine, other in zip(self.folds, result.folds, strict=True):
            mine.merge(other)
        for part in result.parts:
            self._digest.update(bytes.fromhex(part.digest))
            self.facts += part.facts
        self.customers += result.customers
        self.damaged.extend(result.damaged)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What came of a run: the manifest as it now stands, and every planned variant."""

    manifest: Manifest
    variants: tuple[VariantRecord, ...]

    @property
    def complete(self) -> bool:
        """Whether every customer of every variant is recorded."""
        return all(record.complete for record in self.variants)

    @property
    def facts_sha256(self) -> str:
        """The digest of all facts: that of the variants' digests in the order of the plan."""
        return combined_digest(record.facts_sha256 for record in self.variants)


Progress = Callable[[CellResult], None]


def run_plan(
    plan: Plan,
    out: Path,
    target: Target,
    folds: Sequence[FoldFactory],
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> RunRecord:
    """Run what is not yet recorded in `out`, record it, and fold everything.

    With an `executor`, cells run on it (its machines must see `out`); else on `workers` processes, or in this process
    if that is 1. SIGINT and SIGTERM stop it cleanly: the manifest then says "interrupted", and the record holds what
    was folded so far. Raises CellFailed when the target fails, WorkerLost when a process dies.
    """
    out.mkdir(parents=True, exist_ok=True)
    remove_partial_files(out)
    plan.manifest.with_status("running").write(out)
    records = _empty_records(plan, folds)
    tasks = _tasks(plan, out, target, folds)
    try:
        with terminable(), worker_pool(workers, executor) as pool:
            _collect(records, in_order(process_cell, tasks, pool, workers), progress)
    except KeyboardInterrupt:
        return _ended(plan, out, records, "interrupted")
    except BaseException:
        _ended(plan, out, records, "failed")
        raise
    return _ended(plan, out, records, "complete")


def read_plan(
    plan: Plan,
    out: Path,
    folds: Sequence[FoldFactory],
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> RunRecord:
    """Fold what is recorded in `out`, running nothing and changing nothing.

    Files that are missing or damaged leave their variants incomplete. SIGINT raises KeyboardInterrupt.
    """
    records = _empty_records(plan, folds)
    with terminable(), worker_pool(workers, executor) as pool:
        _collect(records, in_order(process_cell, _tasks(plan, out, None, folds), pool, workers), progress)
    return RunRecord(plan.manifest, records)


def run_alone(variant: Variant, seed: int, target: Target, customer: int) -> tuple[str, list[Fact]]:
    """Run one customer again in a fresh world: the account and the facts.

    A customer of a variant with finite capacity is run together with all others, whose queues it stood in. Raises
    CellFailed when the target fails.
    """
    found: list[tuple[str, list[Fact]]] = []

    def on_settled(number: int, account: str, facts: list[Fact]) -> None:
        if number == customer:
            found.append((account, facts))

    customers = range(variant.scenario.customers.count) if variant.scenario.capacity else (customer,)
    try:
        target.run(variant, seed, customers, on_settled)
    except Exception as error:
        raise CellFailed(f"scenario {variant.scenario.name}, customer {customer}: {error}") from error
    if not found:
        raise CellFailed(f"scenario {variant.scenario.name}, customer {customer}: never settled")
    [only] = found
    return only


def find_customers(plan: Plan, out: Path, variant: int, customers: Collection[int]) -> dict[int, Recorded]:
    """The recorded histories of some customers of one variant, by number; who is not recorded is left out.

    A damaged part is passed over: whoever folds the run is told of it.
    """
    planned = plan.manifest.variants[variant]
    directory = variant_directory(out, planned.scenario, planned.slug)
    found: dict[int, Recorded] = {}
    for cell in cells(variant, plan.variants[variant]):
        wanted = [customer for customer in customers if customer in cell.customers and customer not in found]
        for number in part_numbers(cell) if wanted else ():
            with contextlib.suppress(DamagedPart), PartReader(part_path(directory, number), number) as reader:
                found.update((recorded.customer, recorded) for recorded in reader.find(wanted))
    return found


def process_cell(task: CellTask) -> CellResult:
    """Read the cell back if it is recorded completely; else run and record it. This is what workers do."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        recorded = _read_cell(task)
        if task.target is None or recorded.customers == len(task.cell.customers):
            return recorded
        return _run_cell(task, task.target)
    finally:
        gc.collect()  # whole: what a cell leaves in cycles is old by its end, and would pile up cell by cell
        if collecting:
            gc.enable()


def _run_cell(task: CellTask, target: Target) -> CellResult:
    folds = [make(task.variant) for make in task.folds]
    customers, circumstances = task.cell.customers, task.circumstances
    with CellWriter(task.directory, task.cell.first_part, len(customers)) as writer:

        def record(history: History) -> None:
            if writer.add(history.customer, history.account, history.facts):
                gc.collect(2 if len(writer.parts) % _PARTS_PER_FULL_COLLECTION == 0 else 1)
            elif writer.left % _CUSTOMERS_PER_COLLECTION == 0:
                gc.collect(0)

        batch = Batch(*(fold.add for fold in folds), record)

        def on_settled(customer: int, account: str, facts: list[Fact]) -> None:
            batch.add(History(customer, account, facts, circumstances))

        try:
            target.run(task.variant, task.seed, customers, on_settled)
        except Exception as error:
            raise CellFailed(f"{_place(task)}: {error}") from error
        batch.flush()
        if writer.left:
            raise CellFailed(f"{_place(task)}: {writer.left} of {len(customers)} customers never settled")
    return CellResult(task.cell, tuple(writer.parts), tuple(folds))


def _read_cell(task: CellTask) -> CellResult:
    """Fold what is recorded of the cell. A damaged part counts for nothing, so folding starts again without it."""
    damaged: dict[int, str] = {}
    while True:
        folds = [make(task.variant) for make in task.folds]
        parts: list[Part] = []
        for number in part_numbers(task.cell):
            path = part_path(task.directory, number)
            if number in damaged or not path.exists():
                continue
            try:
                parts.append(_fold_part(path, number, folds, task.circumstances))
            except DamagedPart as error:
                damaged[number] = str(error)
                break
        else:
            return CellResult(task.cell, tuple(parts), tuple(folds), tuple(damaged.values()))


def _fold_part(path: Path, number: int, folds: Sequence[Fold], circumstances: Circumstances) -> Part:
    with PartReader(path, number) as reader:
        for recorded in reader:
            history = History(recorded.customer, recorded.account, recorded.facts, circumstances)
            for fold in folds:
                fold.add(history)
        return reader.part


def part_numbers(cell: Cell) -> range:
    """The numbers of the files that the cell's customers fill."""
    return range(cell.first_part, cell.first_part + -(-len(cell.customers) // CUSTOMERS_PER_PART))


def _place(task: CellTask) -> str:
    customers = task.cell.customers
    name = task.variant.scenario.name
    return f"scenario {name}, variant {task.directory.name}, customers {customers[0]}-{customers[-1]}"


def _empty_records(plan: Plan, folds: Sequence[FoldFactory]) -> tuple[VariantRecord, ...]:
    pairs = zip(plan.variants, plan.manifest.variants, strict=True)
    return tuple(VariantRecord(variant, planned.slug, [make(variant) for make in folds]) for variant, planned in pairs)


def _tasks(plan: Plan, out: Path, target: Target | None, folds: Sequence[FoldFactory]) -> Iterator[CellTask]:
    pairs = zip(plan.variants, plan.manifest.variants, strict=True)
    for number, (variant, planned) in enumerate(pairs):
        directory = variant_directory(out, planned.scenario, planned.slug)
        circumstances = plan.manifest.circumstances_of(variant)
        for cell in cells(number, variant):
            yield CellTask(cell, variant, circumstances, plan.manifest.seed, directory, target, tuple(folds))


def _collect(records: Sequence[VariantRecord], results: Iterable[CellResult], progress: Progress | None) -> None:
    for result in results:
        records[result.cell.variant].take(result)
        if progress is not None:
            progress(result)


def _ended(plan: Plan, out: Path, records: tuple[VariantRecord, ...], status: Any) -> RunRecord:
    manifest = plan.manifest.with_status(status)
    manifest.write(out)
    return RunRecord(manifest, records)
