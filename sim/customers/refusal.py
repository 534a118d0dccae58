"""A refusal that ends an attempt: what the customer is shown, and the outcome."""

from __future__ import annotations

from sim.clients.reply import Reply
from sim.customers.ending import Ending
from sim.customers.session import Session


def ended_by(error: Reply, what: str, session: Session) -> Ending:
    """Show the refusal; its ending is an error where it is the service's fault, or where nobody answered."""
    reason = f"{what}: HTTP {error.status}, {error.code}" if error.status else f"{what}: no answer"
    broken = error.status == 0 or error.status >= 500 or error.status == 429 or error.code is None
    session.shown("failure" if broken else "refused", what, error.status or None, error.code)
    return Ending("error" if broken else "refused", reason)
