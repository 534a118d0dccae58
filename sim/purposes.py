"""What random draws are made for.

The numbers are part of the meaning of a seed: never reuse or renumber one, only append. Neighbouring purposes share a
digest (see streams.py), so keep what one customer draws together close together.
"""

from __future__ import annotations

from enum import IntEnum


class Purpose(IntEnum):
    """Names of the draws; the value is the permanent number of each."""

    # who comes (drawn once for every customer)
    ARRIVAL = 0
    REGION = 1
    COUNTRY = 2
    PAYMENT_METHOD_ON_FILE = 3
    CLIENT = 4
    CART = 5
    PAYS_WITH = 6
    PAYMENT_STEP = 7
    # how the purchase goes (nearly every customer)
    FIRST_CARD = 8
    CARD_ENTRY = 9
    THREE_D_SECURE_REQUESTED = 10
    CHALLENGE_SHOWN = 11
    CHALLENGE_OUTCOME = 12
    CHALLENGE_DURATION = 13
    DOUBLE_SUBMIT = 14
    ABANDON_STEP = 15
    # what only some customers meet
    AFTER_GATE = 16
    AFTER_DECLINE = 17
    NEXT_CARD = 18
    REDIRECT_OUTCOME = 19
    REDIRECT_DURATION = 20
    RETURN_LATER = 21
    THINK = 22
    DEVICE = 23
    # the network and the services
    LATENCY_GATEWAY = 24
    LATENCY_STRIPE = 25
    LATENCY_WEBHOOK = 26
    SERVICE_TIME = 27
    WEBHOOK_DELAY = 28
    WEBHOOK_TAIL = 29
    WEBHOOK_RETRY = 30
    # 31 stays free: it named a draw that nobody made
    # what a scenario may ask for besides
    STANDING = 32
    # after everything else
    ASKS_SUPPORT = 33
    # faults: one number for each entry of a scenario's list (at most 64)
    FAULT = 64
    # a storm: what is drawn of it, at the number of each kind; then one number for each kind, as for faults
    STORM_KIND = 128
    STORM_SERVICE = 129
    STORM_FORM = 130
    STORM_RATE = 131
    STORM_DELAY = 132
    STORM_DEGREE = 133
    STORM_FAULT = 160
