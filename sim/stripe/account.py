"""What the double holds, partitioned by the account it is for.

Partitioning lets a run free an account once it is settled, and keeps ids the same whatever other accounts do: an id
is a prefix, a digest of the account, and a number counted within the account. The digest leads from an id to its
partition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

from sim.stripe.errors import no_such
from sim.stripe.event import Event, Row

if TYPE_CHECKING:
    from sim.stripe.billing import Billing
    from sim.stripe.customer import Customer
    from sim.stripe.intent import Intent
    from sim.stripe.test_clock import TestClock

TOKEN_CHARACTERS: Final = 16
UNCLAIMED: Final = "unclaimed"
"""The account of objects that were made without saying for whom."""
CATALOGUE: Final = "catalogue"
"""The account of what the merchant sells: products and prices."""


class StripeObject(Protocol):
    """Anything with an id that can be retrieved."""

    spoken_name: ClassVar[str]

    @property
    def id(self) -> str: ...

    @property
    def created(self) -> int:
        """The Unix second in which it was made."""

    def render(self) -> dict[str, Any]:
        """The complete object as Stripe answers it. Shared: never change what it returns."""


T = TypeVar("T", bound=StripeObject)

_FEW: Final = 256
_DIGITS: Final = [f"{number:06x}" for number in range(_FEW)]
"""The ends of the first ids of every account: formatting is half of what an id costs."""


class Account:
    """One partition. `objects` are in the order in which they were made; `intents` and `customers` are among them.

    Of the events on `record`, those that nobody subscribes to are rows: see `events`. `billing` is there once somebody
    subscribed or was invoiced; with a `test_clock`, time is what that clock says.
    """

    __slots__ = (
        "account_id",
        "objects",
        "intents",
        "customers",
        "record",
        "idempotency_keys",
        "token",
        "count",
        "billing",
        "test_clock",
    )

    def __init__(self, account_id: str, seed: str = "") -> None:
        self.account_id = account_id
        self.objects: dict[str, StripeObject] = {}
        self.intents: list[Intent] = []
        self.customers: list[Customer] = []
        self.record: list[Event | Row] = []
        self.idempotency_keys: list[tuple[bool, str]] = []
        self.token = token(account_id, seed)
        self.count = 0
        self.billing: Billing | None = None
        self.test_clock: TestClock | None = None

    def next_id(self, prefix: str) -> str:
        """A new id: no underscore after the prefix, because clients split client secrets at underscores."""
        self.count = count = self.count + 1
        return f"{prefix}_{self.token}{_DIGITS[count] if count < _FEW else format(count, '06x')}"

    def events(self) -> list[Event]:
        """All events, oldest first, whether somebody subscribes to them or not. From then on, all are kept as such."""
        events = [item if isinstance(item, Event) else Event(*item) for item in self.record]
        self.record[:] = events
        return events

    def event(self, event_id: str) -> Event | None:
        """The event of that id: their numbers increase, so a few looks at the record suffice."""
        try:
            number = int(event_id.rpartition("_")[2][TOKEN_CHARACTERS:], 16)
        except ValueError:
            return None
        position = bisect_left(self.record, number, key=_number_of)
        if position == len(self.record):
            return None
        item = self.record[position]
        event = item if isinstance(item, Event) else Event(*item)
        return event if event.id == event_id else None

    def let_go(self) -> None:
        """Part the objects from each other, so that they are freed at once, without a search for cycles."""
        for customer in self.customers:
            customer.payment_methods.clear()
            customer.default_payment_method = None
        self.objects.clear()
        self.intents.clear()
        self.customers.clear()
        self.billing = None
        self.record.clear()

    def of(self, kind: type[T]) -> list[T]:
        """All objects of one class, oldest first."""
        return [item for item in self.objects.values() if isinstance(item, kind)]


def token(account_id: str, seed: str = "") -> str:
    """What the account's ids have in common. Another seed gives other ids."""
    return blake2b(account_id.encode(), key=seed.encode()[:64], digest_size=TOKEN_CHARACTERS // 2).hexdigest()


def _number_of(item: Event | Row) -> int:
    return item.number if isinstance(item, Event) else item[1]


class _Registered(dict[str, StripeObject]):
    """The objects of one account, which are also entered in the list of all accounts' objects of their class."""

    __slots__ = ("_made",)

    def __init__(self, made: dict[type, dict[str, StripeObject]]) -> None:
        super().__init__()
        self._made = made

    def __setitem__(self, object_id: str, item: StripeObject) -> None:
        super().__setitem__(object_id, item)
        kind = type(item)
        self._made.setdefault(LISTED_AS.get(kind, kind), {})[object_id] = item

    def __delitem__(self, object_id: str) -> None:
        kind = type(self[object_id])
        super().__delitem__(object_id)
        del self._made[LISTED_AS.get(kind, kind)][object_id]


LISTED_AS: Final[dict[type, type]] = {}
"""The classes whose objects are in the lists of another class."""


class Ledger:
    """All accounts. `seed` changes the ids of everything.

    `named` are the objects whose ids the merchant chose; `clocked` are the accounts on test clocks, which lists of
    everything leave out. `in_order` keeps a list of all objects in the order in which they were made: for a server
    whose lists span accounts. A simulation asks for no such list, and does without what it costs.
    """

    __slots__ = ("_by_id", "_by_token", "_made", "_seed", "named", "clocked")

    def __init__(self, seed: str = "", *, in_order: bool = False) -> None:
        self._by_id: dict[str, Account] = {}
        self._by_token: dict[str, Account] = {}
        self._seed = seed
        self._made: dict[type, dict[str, StripeObject]] | None = {} if in_order else None
        self.named: dict[str, StripeObject] = {}
        self.clocked: dict[str, Account] = {}

    def account(self, account_id: str) -> Account:
        """The partition of an account, made at its first use."""
        account = self._by_id.get(account_id)
        if account is None:
            account = self._by_id[account_id] = Account(account_id, self._seed)
            if self._made is not None:
                account.objects = _Registered(self._made)
            self._by_token[account.token] = account
        return account

    def known(self, account_id: str) -> Account | None:
        return self._by_id.get(account_id)

    def forget(self, account_id: str) -> Account | None:
        """Drop a partition and all that is in it, and return it."""
        account = self._by_id.pop(account_id, None)
        if account is not None:
            del self._by_token[account.token]
            if self._made is not None:
                for object_id, item in account.objects.items():
                    self._made[LISTED_AS.get(type(item), type(item))].pop(object_id, None)
            self.clocked.pop(account_id, None)
            account.let_go()
        return account

    def set_clock(self, account: Account, test_clock: TestClock) -> None:
        """From now on the time of that account is what the test clock says."""
        account.test_clock = test_clock
        self.clocked[account.account_id] = account

    def accounts(self) -> Iterator[Account]:
        return iter(self._by_id.values())

    def of(self, kind: type[T], about: str | None = None) -> list[T]:
        """All objects of one class, oldest first, but those on test clocks.

        `about` is the id of what the list is about: if that is on a test clock, the list is of what is on that clock.
        Source: the descriptions of `test_clock` in the parameters of lists in the official SDK, of customers and of
        subscriptions. Assumption: the same for what has no such parameter, such as intents and charges.
        """
        if self.clocked and about is not None:
            account = self.holder(about)
            if account is not None and account.test_clock is not None:
                return account.of(kind)
        if self._made is not None:
            found: list[T] = list(self._made.get(kind, {}).values())  # type: ignore[arg-type]
        else:
            found = [item for account in self._by_id.values() for item in account.of(kind)]
            found.sort(key=_created)
        if self.clocked:
            on_clocks = {account.token for account in self.clocked.values()}
            found = [item for item in found if item.id.rpartition("_")[2][:TOKEN_CHARACTERS] not in on_clocks]
        return found

    def events(self) -> list[Event]:
        """All events, oldest first. Assumption: also of what is on test clocks, for which there is no filter."""
        found = [event for account in self._by_id.values() for event in account.events()]
        if len(self._by_id) > 1:
            found.sort(key=_created_us)
        return found

    def holder(self, object_id: str) -> Account | None:
        """The account in which the object of that id was made, if it is still there."""
        return self._by_token.get(object_id.rpartition("_")[2][:TOKEN_CHARACTERS])

    def find(self, object_id: str) -> StripeObject | None:
        account = self._by_token.get(object_id.rpartition("_")[2][:TOKEN_CHARACTERS])
        if account is None:
            return self.named.get(object_id)
        found = account.objects.get(object_id)
        return account.event(object_id) if found is None and object_id.startswith("evt_") else found

    def get(self, kind: type[T], object_id: str, param: str = "id") -> T:
        """The object that a path names. Raises StripeError (404) where there is none of that kind."""
        found = self.find(object_id)
        if not isinstance(found, kind):
            raise no_such(kind.spoken_name, object_id, param)
        return found

    def given(self, kind: type[T], object_id: str, param: str) -> T:
        """The object that a parameter names. Raises StripeError: 400, where a path would be answered 404."""
        found = self.find(object_id)
        if not isinstance(found, kind):
            refusal = no_such(kind.spoken_name, object_id, param)
            refusal.status = 400
            raise refusal
        return found


def _created(item: StripeObject) -> int:
    return item.created


def _created_us(event: Event) -> int:
    return event.created_us
