"""What an account has subscribed to and been invoiced for, and when the next of it falls due.

Nothing here waits. Whoever drives time asks when the next thing is due and has it done: a waiting program in a world or
in a server (`Stripe` starts it), or a test clock that is moved on. So all three do the same.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer
    from sim.stripe.invoice import Invoice
    from sim.stripe.invoice_item import InvoiceItem
    from sim.stripe.subscription import Subscription


Moment = tuple[int, str]
"""The Unix second at which something happens, and what."""


class Dated(Protocol):
    """Something to which things happen because time passes."""

    def due(self, open_ended: bool) -> Moment | None:
        """The next of them; None if there is none. `open_ended`: also those that come again for ever."""

    def come_due(self, context: Context, what: str) -> None:
        """Do what is due now."""


class Billing:
    """The bills of one account, oldest first. `waiting_items` are not on an invoice yet."""

    __slots__ = ("subscriptions", "invoices", "waiting_items", "_open_ended", "_line", "_number", "_reminder_s")

    def __init__(self, open_ended: bool) -> None:
        self.subscriptions: list[Subscription] = []
        self.invoices: list[Invoice] = []
        self.waiting_items: list[InvoiceItem] = []
        self._open_ended = open_ended
        self._line: list[tuple[int, int, Dated]] = []
        self._number = 0
        self._reminder_s: int | None = None

    def plan(self, dated: Dated) -> None:
        """To be called whenever something about it changed: what is due, and when, may be another thing now."""
        moment = dated.due(self._open_ended)
        if moment is not None:
            self._number += 1
            heappush(self._line, (moment[0], self._number, dated))

    def next_s(self) -> int | None:
        """When the next thing is due."""
        line = self._line
        while line:
            at_s, _, dated = line[0]
            moment = dated.due(self._open_ended)
            if moment is not None and moment[0] == at_s:
                return at_s
            heappop(line)  # something else is due since, and stands elsewhere in the line
        return None

    def catch_up(self, context: Context, until_s: int) -> None:
        """Do all that is due until then, in the order of time; afterwards it is that second."""
        while (at_s := self.next_s()) is not None and at_s <= until_s:
            dated = heappop(self._line)[2]
            moment = dated.due(self._open_ended)
            assert moment is not None
            context.stand_at(max(at_s, context.now_s))
            dated.come_due(context, moment[1])
            assert dated.due(self._open_ended) != moment, f"{dated} did not do what was due: {moment[1]}"
            self.plan(dated)
        context.stand_at(until_s)

    def to_remind_of(self) -> int | None:
        """When a reminder has to come; None where none is needed or an early enough one is on its way."""
        at_s = self.next_s()
        if at_s is None or (self._reminder_s is not None and self._reminder_s <= at_s):
            return None
        self._reminder_s = at_s
        return at_s

    def reminded(self, at_s: int) -> bool:
        """The reminder of that time came: False if another has taken its place."""
        if self._reminder_s != at_s:
            return False
        self._reminder_s = None
        return True

    def customer_left(self, context: Context, customer: Customer) -> None:
        """End what a customer who is being deleted has subscribed to, at once."""
        for subscription in self.subscriptions:
            if subscription.customer is customer and not subscription.ended:
                subscription.cancel(context)


def billing_of(context: Context, account: Account) -> Billing:
    """The bills of an account, begun at the first of them."""
    if account.billing is None:
        account.billing = Billing(context.merchant.renews_for_ever or account.test_clock is not None)
    return account.billing
