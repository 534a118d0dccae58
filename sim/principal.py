"""On whose behalf something happens in a world: a customer, the account, and the customer's random streams."""

from __future__ import annotations

from typing import Any

from sim.streams import Streams


class Principal:
    """Everything that one customer sets going, also indirectly (webhooks, expiry), runs in the customer's name.

    `live` counts what is under way, alarms apart; at 0 with no alarm set nothing can happen to the account any more.
    While `sheltered`, calls take no time and no fault strikes them: accounts are made so, before the customer's own
    time begins.
    """

    __slots__ = ("account_id", "alarms", "customer", "live", "sheltered", "streams")

    def __init__(self, customer: int, account_id: str, streams: Streams) -> None:
        self.customer = customer
        self.account_id = account_id
        self.streams = streams
        self.live = 0
        self.alarms: list[Any] = []
        self.sheltered = False
