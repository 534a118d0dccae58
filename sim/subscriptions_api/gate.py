"""The changes calculator's payment-method gate, and the refusals that stay when it is gone."""

from __future__ import annotations

from typing import Any, Final

from sim.backend import BackendConfig
from sim.effects import Program
from sim.facts import EXACT
from sim.store import Account
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.envelope import BANNED, DEBTOR, GATE, LOCKED, NEEDS_CUSTOMER, Refusal
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods

_REFUSAL: Final = "a valid payment method is needed on file before subscriptions can change"
WARNING: Final[dict[str, Any]] = {
    "code": GATE,
    "message": "no valid payment method is on file; this will not be refused any more",
}
NEEDS_CUSTOMER_MESSAGE: Final[dict[str, Any]] = {
    "code": NEEDS_CUSTOMER,
    "message": "payment needs the customer: the account's owner can confirm it through pre_auth",
}


def refuse_if_blocked(account: Account) -> None:
    """Raises Refusal (403) for an account that is banned, locked, or owes money: in every phase."""
    if account.banned:
        raise Refusal(403, BANNED, "the account is banned")
    if account.locked:
        raise Refusal(403, LOCKED, "the account is locked")
    if account.invoices and account.owes_minor():
        raise Refusal(403, DEBTOR, "the account has an outstanding balance: pay it first")


class Gate:
    """Whether an operation goes on without a payment method."""

    __slots__ = ("_config", "_ledger", "_methods")

    def __init__(self, config: BackendConfig, ledger: Ledger, methods: PaymentMethods) -> None:
        self._config = config
        self._ledger = ledger
        self._methods = methods

    def lets_pass_without(self, account: Account, asked: Asked) -> bool:
        """Whether the account has no payment method on file and the operation needs none."""
        return not account.payment_methods and self._config.gate_modes.get(asked.operation, "off") == "off"

    def method_or_refusal(
        self, account: Account, asked: Asked, in_body: str | None, charges: bool, messages: list[dict[str, Any]]
    ) -> Program[str | None]:
        """The payment method to charge, or None where the gate is off or only warns.

        `charges`: a charge follows, which will show whether Stripe still has the payment method. Raises Refusal (402,
        code 1210) where the gate is enforced; a warning is added to `messages`.
        """
        chosen = in_body or self._methods.on_file(account)
        if chosen is not None and (charges or chosen not in account.payment_methods):
            return chosen
        mode = self._config.gate_modes.get(asked.operation, "off")
        if chosen is None and mode == "off":
            return None
        # The account's own list may lag behind Stripe's: nobody is refused, or let pass uncharged, before it was asked.
        yield from self._methods.refresh(account)
        chosen = self._methods.on_file(account)
        if chosen is not None or mode == "off":
            return chosen
        if mode == "enforced":
            self._note(account, asked, "refused")
            raise Refusal(402, GATE, _REFUSAL)
        self._note(account, asked, "softened")
        if WARNING not in messages:
            messages.append(WARNING)
        return None

    def _note(self, account: Account, asked: Asked, state: str) -> None:
        detail = {"client": asked.client}
        self._ledger.note(account.id, EXACT, API, "gate", asked.operation, state=state, detail=detail)
