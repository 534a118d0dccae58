"""Cells leave nothing behind: a million customers are a thousand cells in a worker's life."""

from __future__ import annotations

import gc
from pathlib import Path

from conformance.cells import Cell
from conformance.circumstances import circumstances_of
from conformance.running import CellTask, process_cell
from conformance.simulated import SimulatedTarget
from gatefall.folds import FOLDS
from scenarios.reading import read_scenarios
from scenarios.variants import variants

CUSTOMERS = 100
A_FEW = 300
"""Objects that one-time caches may add; a leak of one object a customer would add two thousand."""


def test_no_object_outlives_its_cell(tmp_path: Path) -> None:
    [variant] = variants(read_scenarios(["missing-payment-method"]), [4], CUSTOMERS)
    circumstances = circumstances_of(variant)

    def run_cell(number: int) -> int:
        cell = Cell(0, number, range(CUSTOMERS))
        process_cell(CellTask(cell, variant, circumstances, 1, tmp_path, SimulatedTarget(), FOLDS))
        return len(gc.get_objects())

    run_cell(0)
    before = run_cell(1)
    after = [run_cell(number) for number in range(2, 22)][-1]
    assert after - before < A_FEW
