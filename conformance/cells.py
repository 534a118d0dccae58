"""Cells: the blocks of customers that are run, recorded and judged as one.

A cell is one world. How customers are cut into cells depends on the variant alone, never on the number of workers, so
that workers cannot change a result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scenarios.scenario import Variant

CUSTOMERS_PER_CELL: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cell:
    """Some customers of one variant. `variant` is its position in the run's plan; `first_part` numbers its files."""

    variant: int
    first_part: int
    customers: range


def cells(variant_number: int, variant: Variant) -> Iterator[Cell]:
    """The cells of a variant, in the order of their customers.

    Customers who share a queue cannot be parted: a variant with a finite capacity is one cell.
    """
    count = variant.scenario.customers.count
    size = count if variant.scenario.capacity else CUSTOMERS_PER_CELL
    for number, first in enumerate(range(0, count, size)):
        yield Cell(variant_number, number, range(first, min(first + size, count)))


def cell_count(variant: Variant) -> int:
    """How many cells `cells` yields."""
    return 1 if variant.scenario.capacity else -(-variant.scenario.customers.count // CUSTOMERS_PER_CELL)
