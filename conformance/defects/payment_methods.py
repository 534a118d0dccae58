"""Defects of what is on file after a payment."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.store import Account
from sim.subscriptions_api.ledger import Ledger


def method_not_saved(beside: bool) -> Plant:
    """The payment method that paid is not put on file: `beside` another that is there, or where there is none."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def put(self: Ledger, account: Account, method: str, kind: Any, actor: str, at_start: bool = False) -> Any:
                if not at_start and bool(account.payment_methods) is beside:
                    return None
                return original(self, account, method, kind, actor, at_start)

            return put

        patch.wrap(Ledger, "put_on_file", make)

    return plant


def method_takes_default(patch: Patches) -> None:
    """Whatever pays becomes the default."""

    def make(original: Any) -> Any:
        def put(self: Ledger, account: Account, method: str, kind: Any, actor: str, at_start: bool = False) -> Any:
            found = original(self, account, method, kind, actor, at_start)
            if found is not None and not at_start:
                for other in account.payment_methods.values():
                    other.is_default = other is found
            return found

        return put

    patch.wrap(Ledger, "put_on_file", make)


def no_default(patch: Patches) -> None:
    """A payment method is put on file and never made the default."""

    def make(original: Any) -> Any:
        def put(self: Ledger, account: Account, method: str, kind: Any, actor: str, at_start: bool = False) -> Any:
            found = original(self, account, method, kind, actor, at_start)
            if found is not None and not at_start:
                found.is_default = False
            return found

        return put

    patch.wrap(Ledger, "put_on_file", make)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="payment-method-that-paid-not-on-file",
        title="The first payment method of an account that pays is not put on file.",
        plant=method_not_saved(beside=False),
        shown_by=("missing-payment-method",),
        finds=("pm-saved-as-side-effect",),
    ),
    Defect(
        name="payment-method-that-paid-beside-another-not-on-file",
        title="A payment method that pays beside another is not put on file.",
        plant=method_not_saved(beside=True),
        shown_by=("expired-payment-method",),
        finds=("pm-saved-as-side-effect",),
    ),
    Defect(
        name="paying-replaces-the-default",
        title="Whatever pays becomes the default.",
        plant=method_takes_default,
        shown_by=("expired-payment-method",),
        finds=("pm-saved-as-side-effect",),
    ),
    Defect(
        name="first-payment-method-not-the-default",
        title="A payment method is put on file and never made the default.",
        plant=no_default,
        shown_by=("missing-payment-method",),
        finds=("pm-saved-as-side-effect",),
    ),
)
