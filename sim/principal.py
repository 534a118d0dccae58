"""On whose behalf something happens in a world: a customer, the account, and the customer's random streams."""

from __future__ import annotations

from sim.streams import Streams


class Principal:
    """Everything that one customer sets going, also indirectly (webhooks, expiry), runs in the customer's name.

    `live` counts what is under way; at 0 nothing can happen to the account any more.
    """

    __slots__ = ("account_id", "customer", "live", "streams")

    def __init__(self, customer: int, account_id: str, streams: Streams) -> None:
        self.customer = customer
        self.account_id = account_id
        self.streams = streams
        self.live = 0
