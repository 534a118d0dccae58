"""The customers: who they are, what they buy and how they behave, as programs that any world can run.

Making one: `population = Population(variant)`, `shopper = population.draw(streams)`,
`at_us = population.arrival_us(streams, index, count)`. Before the program starts the world makes the shopper's account,
`account_request(shopper)` being the request to test support, and reads the answer into a `Session`:

    made = (yield Call("test-support", account_request(shopper))).body
    session = Session.of_account(made, clock, journal, streams, population)
    yield from customer_program(shopper, session)

The program notes the facts of docs/facts.md in the session's journal and ends with exactly one `outcome` for each
`attempt`. It never raises, whatever it is answered.
"""

from sim.customers.account import account_request
from sim.customers.arrivals import arrival_us
from sim.customers.population import Population
from sim.customers.program import customer_program
from sim.customers.session import Session
from sim.customers.shopper import Shopper, draw_shopper

__all__ = [
    "Population",
    "Session",
    "Shopper",
    "account_request",
    "arrival_us",
    "customer_program",
    "draw_shopper",
]
