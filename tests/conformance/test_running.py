from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import cells, recording, running, workers
from conformance.manifest import read_manifest
from conformance.recording import part_path, variant_directory
from conformance.running import (
    CellFailed,
    CellResult,
    RunRecord,
    find_customers,
    read_plan,
    run_alone,
    run_plan,
)
from conformance.target import OnSettled
from conformance.workers import WorkerLost
from scenarios.scenario import Variant
from tests.conformance.invented import InventedTarget, Sum, invented_facts, invented_plan, invented_variant, sum_of

PLAN = invented_plan(invented_variant(25, "one"), invented_variant(7, "two"))


@pytest.fixture(autouse=True)
def _small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "CUSTOMERS_PER_CELL", 10)
    monkeypatch.setattr(recording, "CUSTOMERS_PER_PART", 10)
    monkeypatch.setattr(running, "CUSTOMERS_PER_PART", 10)


def sums(record: RunRecord) -> list[Sum]:
    return [fold for variant in record.variants for fold in variant.folds if isinstance(fold, Sum)]


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_run_records_and_folds_every_customer_in_order(tmp_path: Path) -> None:
    record = run_plan(PLAN, tmp_path, InventedTarget(), [sum_of])
    assert record.complete
    assert record.manifest.status == "complete"
    assert [(variant.scenario, variant.customers, variant.facts) for variant in record.variants] == [
        ("one", 25, 100),
        ("two", 7, 28),
    ]
    one, two = sums(record)
    assert one.customers == [*range(9, -1, -1), *range(19, 9, -1), *range(24, 19, -1)]
    assert two.customers == list(range(6, -1, -1))
    assert two.amount_minor == sum(invented_facts(7, customer)[2].amount_minor or 0 for customer in range(7))
    assert list(files(tmp_path)) == [
        "facts/one/phase-2/part-00000.parquet",
        "facts/one/phase-2/part-00001.parquet",
        "facts/one/phase-2/part-00002.parquet",
        "facts/two/phase-2/part-00000.parquet",
        "run.json",
    ]


def test_an_executor_of_any_kind_changes_nothing(tmp_path: Path) -> None:
    alone = run_plan(PLAN, tmp_path / "alone", InventedTarget(), [sum_of])
    with ThreadPoolExecutor(3) as executor:
        shared = run_plan(PLAN, tmp_path / "shared", InventedTarget(), [sum_of], executor=executor, workers=3)
    assert files(tmp_path / "shared") == files(tmp_path / "alone")
    assert sums(shared) == sums(alone)
    assert shared.facts_sha256 == alone.facts_sha256


def test_only_so_many_cells_are_under_way_at_once(tmp_path: Path) -> None:
    plan = invented_plan(invented_variant(400))
    submitted: list[object] = []
    most_ahead = 0
    finished = 0

    class Counting(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            submitted.append(args)
            return super().submit(*args, **kwargs)

    def progress(_: CellResult) -> None:
        nonlocal finished, most_ahead
        most_ahead = max(most_ahead, len(submitted) - finished)
        finished += 1

    with Counting(2) as executor:
        run_plan(plan, tmp_path, InventedTarget(), [], executor=executor, workers=2, progress=progress)
    assert finished == len(submitted) == 40
    assert most_ahead == 2 * workers.TASKS_IN_FLIGHT_PER_WORKER


def test_two_processes_give_the_same_bytes_as_none(tmp_path: Path) -> None:
    plan = invented_plan(invented_variant(25), invented_variant(30, "queues", shares_queues=True))
    alone = run_plan(plan, tmp_path / "alone", InventedTarget(), [sum_of], workers=1)
    # Worker processes see the true sizes of cells and parts, so this one is compared by its facts.
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(recording, "CUSTOMERS_PER_PART", 1_000)
        patch.setattr(running, "CUSTOMERS_PER_PART", 1_000)
        expected = run_plan(plan, tmp_path / "expected", InventedTarget(), [sum_of], workers=1)
        shared = run_plan(plan, tmp_path / "shared", InventedTarget(), [sum_of], workers=2)
    assert files(tmp_path / "shared") == files(tmp_path / "expected")
    assert sums(shared) == sums(expected) == sums(alone)


def test_reading_a_run_back_folds_the_same_and_changes_nothing(tmp_path: Path) -> None:
    ran = run_plan(PLAN, tmp_path, InventedTarget(), [sum_of])
    before = files(tmp_path)
    read = read_plan(PLAN, tmp_path, [sum_of])
    assert sums(read) == sums(ran)
    assert read.facts_sha256 == ran.facts_sha256
    assert read.complete
    assert files(tmp_path) == before


@pytest.mark.parametrize("part", ["one/phase-2/part-00001", "two/phase-2/part-00000"])
def test_what_is_missing_or_damaged_is_told_and_run_again(tmp_path: Path, part: str) -> None:
    ran = run_plan(PLAN, tmp_path, InventedTarget(), [sum_of])
    before = files(tmp_path)
    path = tmp_path / "facts" / f"{part}.parquet"

    path.unlink()
    missing = read_plan(PLAN, tmp_path, [sum_of])
    assert not missing.complete
    assert [variant.damaged for variant in missing.variants] == [[], []]

    path.write_bytes(before[str(path.relative_to(tmp_path))][:-20])
    damaged = read_plan(PLAN, tmp_path, [sum_of])
    assert not damaged.complete
    [message] = [message for variant in damaged.variants for message in variant.damaged]
    assert path.name in message

    resumed = run_plan(PLAN, tmp_path, InventedTarget(), [sum_of])
    assert resumed.facts_sha256 == ran.facts_sha256
    assert sums(resumed) == sums(ran)
    assert files(tmp_path) == before


def test_resuming_runs_only_what_is_missing(tmp_path: Path) -> None:
    run_plan(PLAN, tmp_path, InventedTarget(), [])
    part_path(variant_directory(tmp_path, "one", "phase-2"), 1).unlink()
    run_plan(PLAN, tmp_path, InventedTarget(breaks_at=3), [])
    part_path(variant_directory(tmp_path, "one", "phase-2"), 0).unlink()
    with pytest.raises(CellFailed):
        run_plan(PLAN, tmp_path, InventedTarget(breaks_at=3), [])


def test_a_cell_of_many_parts_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    plan = invented_plan(invented_variant(35, shares_queues=True))
    ran = run_plan(plan, tmp_path, InventedTarget(), [sum_of])
    part_path(variant_directory(tmp_path, "invented", "phase-2"), 3).unlink()
    read = read_plan(plan, tmp_path, [sum_of])
    assert read.variants[0].customers == 30
    assert sums(read)[0].customers == list(range(34, 4, -1))
    assert run_plan(plan, tmp_path, InventedTarget(), [sum_of]).facts_sha256 == ran.facts_sha256


def test_a_run_that_is_interrupted_keeps_what_it_has_and_says_so(tmp_path: Path) -> None:
    record = run_plan(PLAN, tmp_path, InventedTarget(interrupts_at=15), [sum_of])
    assert record.manifest.status == "interrupted"
    assert read_manifest(tmp_path).status == "interrupted"
    assert not record.complete
    assert [variant.customers for variant in record.variants] == [10, 0]
    assert list(files(tmp_path)) == ["facts/one/phase-2/part-00000.parquet", "run.json"]
    resumed = run_plan(PLAN, tmp_path, InventedTarget(), [sum_of])
    assert read_manifest(tmp_path).status == "complete"
    assert resumed.facts_sha256 == run_plan(PLAN, tmp_path / "whole", InventedTarget(), []).facts_sha256


def test_sigterm_stops_a_run_as_ctrl_c_does(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def terminate(_: CellResult) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    record = run_plan(PLAN, tmp_path, InventedTarget(), [], progress=terminate)
    assert record.manifest.status == "interrupted"
    assert record.variants[0].customers == 10
    assert signal.getsignal(signal.SIGTERM) is before


def test_interrupting_stops_worker_processes(tmp_path: Path) -> None:
    plan = invented_plan(invented_variant(1_000))

    def interrupt(_: CellResult) -> None:
        raise KeyboardInterrupt

    record = run_plan(plan, tmp_path, InventedTarget(), [sum_of], workers=2, progress=interrupt)
    assert record.manifest.status == "interrupted"
    assert record.variants[0].customers == 10


def test_runs_can_be_made_from_any_thread(tmp_path: Path) -> None:
    records: list[RunRecord] = []
    thread = threading.Thread(target=lambda: records.append(run_plan(PLAN, tmp_path, InventedTarget(), [])))
    thread.start()
    thread.join()
    assert records[0].complete


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (InventedTarget(breaks_at=12), "scenario one, variant phase-2, customers 10-19: the invented target broke"),
        (InventedTarget(loses=12), "customers 10-19: 1 of 10 customers never settled"),
    ],
)
def test_a_target_that_fails_names_the_place(tmp_path: Path, target: InventedTarget, message: str) -> None:
    with pytest.raises(CellFailed, match=message):
        run_plan(PLAN, tmp_path, target, [])
    assert read_manifest(tmp_path).status == "failed"
    assert read_plan(PLAN, tmp_path, []).variants[0].customers == 10


class KillsItsProcess(InventedTarget):
    def run(self, variant: Variant, seed: int, customers: range, on_settled: OnSettled) -> None:  # type: ignore[override]
        os._exit(9)


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkerLost, match="use fewer --workers"):
        run_plan(invented_plan(invented_variant(20)), tmp_path, KillsItsProcess(), [], workers=2)
    assert read_manifest(tmp_path).status == "failed"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (InventedTarget(breaks_at=12), "scenario one, customer 12: the invented target broke"),
        (InventedTarget(loses=12), "scenario one, customer 12: never settled"),
    ],
)
def test_a_target_that_fails_one_customer_names_it(target: InventedTarget, message: str) -> None:
    with pytest.raises(CellFailed, match=message):
        run_alone(invented_variant(25, "one"), 7, target, 12)


def test_one_customer_can_be_run_alone() -> None:
    account, facts = run_alone(invented_variant(25), 7, InventedTarget(), 13)
    assert (account, facts) == ("acct00000013", invented_facts(7, 13))


@pytest.mark.parametrize("shares_queues", [False, True])
def test_recorded_customers_are_found(tmp_path: Path, shares_queues: bool) -> None:
    plan = invented_plan(invented_variant(1), invented_variant(35, "two", shares_queues))
    run_plan(plan, tmp_path, InventedTarget(), [])
    found = find_customers(plan, tmp_path, 1, [34, 3, 35])
    assert {number: recorded.facts for number, recorded in found.items()} == {
        number: invented_facts(7, number) for number in (3, 34)
    }


def test_a_customer_who_stood_in_queues_is_run_with_the_others() -> None:
    seen: list[int] = []

    class Watching(InventedTarget):
        def run(self, variant: Variant, seed: int, customers: range, on_settled: OnSettled) -> None:  # type: ignore[override]
            seen.extend(customers)
            super().run(variant, seed, customers, on_settled)

    account, _ = run_alone(invented_variant(5, shares_queues=True), 7, Watching(), 3)
    assert account == "acct00000003"
    assert seen == [0, 1, 2, 3, 4]


def test_the_plan_is_the_same_whatever_its_stage() -> None:
    assert PLAN.manifest.same_plan(PLAN.manifest.with_status("complete"))
    assert not PLAN.manifest.same_plan(replace(PLAN.manifest, seed=8))
