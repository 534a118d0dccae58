"""Faults can be limited to the operations that the model really has."""

from scenarios.fault_operations import ADMIN_OPERATIONS, CUSTOMER_OPERATIONS, is_event_type
from sim.subscriptions_api import routes


def test_the_operations_are_those_of_the_routes() -> None:
    assert sorted(CUSTOMER_OPERATIONS) == sorted(routes.CUSTOMER_OPERATIONS)
    assert sorted(ADMIN_OPERATIONS) == sorted(routes.ADMIN_OPERATIONS)


def test_types_of_events() -> None:
    assert is_event_type("payment_intent.succeeded")
    assert is_event_type("charge.dispute.created")
    assert not is_event_type("succeeded")
    assert not is_event_type("payment_intent.")
