from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conformance.cells import CUSTOMERS_PER_CELL, cell_count, cells
from tests.conformance.invented import invented_variant


@given(count=st.integers(1, 12_345))
def test_every_customer_is_in_exactly_one_cell_and_in_order(count: int) -> None:
    found = list(cells(3, invented_variant(count)))
    assert [customer for cell in found for customer in cell.customers] == list(range(count))
    assert max(len(cell.customers) for cell in found) <= CUSTOMERS_PER_CELL
    assert [cell.first_part for cell in found] == list(range(len(found)))
    assert {cell.variant for cell in found} == {3}
    assert cell_count(invented_variant(count)) == len(found)


def test_customers_who_share_queues_are_one_cell() -> None:
    variant = invented_variant(12_345, shares_queues=True)
    [cell] = cells(0, variant)
    assert cell.customers == range(12_345)
    assert cell_count(variant) == 1
