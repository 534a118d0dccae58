"""Defects of the gate: left on, forgotten, or taken for something else."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from scenarios.phase import GateMode
from sim.backend import BackendConfig
from sim.store import Account
from sim.subscriptions_api import purchases
from sim.subscriptions_api.envelope import BANNED, DEBTOR, GATE, LOCKED, CardRefused, Refusal
from sim.subscriptions_api.gate import WARNING, Gate
from sim.subscriptions_api.purchases import Purchases


def gate_is(mode: GateMode, *operations: str) -> Plant:
    """The gate of these operations is in another mode than the phase says: left on, forgotten, or not softened."""

    def plant(patch: Patches) -> None:
        def change(original: Any) -> Any:
            def changed(self: BackendConfig, *args: Any, **settings: Any) -> None:
                original(self, *args, **settings)
                self.gate_modes = {**self.gate_modes, **dict.fromkeys(operations, mode)}

            return changed

        patch.wrap(BackendConfig, "change", change)

    return plant


def gate_flag_ignored(patch: Patches) -> None:
    """The gate's server-side flag is not read any more, so nobody can switch the gate off."""
    patch.wrap(
        BackendConfig,
        "change",
        lambda original: lambda self, *args, **settings: original(self, *args, **{**settings, "gates": {}}),
    )


def expired_method_refused(patch: Patches) -> None:
    """The gate went for accounts without a payment method, and stayed for those whose card has expired."""

    def passes(self: Gate, account: Account, asked: Any) -> bool:
        if account.payment_methods and self._methods.on_file(account) is None:
            raise Refusal(402, GATE, "the payment method on file has expired")
        return not account.payment_methods

    patch.replace(Gate, "lets_pass_without", passes)


def decline_with(code: int, status: int = 402) -> Plant:
    """A card that Stripe declines is refused with another code, as where Stripe's own 402 is passed through."""

    def plant(patch: Patches) -> None:
        def refused(self: CardRefused, decline_code: str) -> None:
            Refusal.__init__(self, status, code, f"the payment method was refused: {decline_code}")

        patch.replace(CardRefused, "__init__", refused)

    return plant


def softened_without_warning(patch: Patches) -> None:
    """The softened gate lets pass without a word."""

    def make(original: Any) -> Any:
        def silent(self: Gate, account: Account, asked: Any, in_body: Any, charges: bool, messages: list[Any]) -> Any:
            chosen = yield from original(self, account, asked, in_body, charges, messages)
            messages[:] = [message for message in messages if message is not WARNING]
            return chosen

        return silent

    patch.wrap(Gate, "method_or_refusal", make)


def refused_after_creation(patch: Patches) -> None:
    """The gate is asked only after the purchase has been made."""

    def make(original: Any) -> Any:
        def late(self: Purchases, account: Account, asked: Any, body: Any, lines: Any) -> Any:
            try:
                return (yield from original(self, account, asked, body, lines))
            except Refusal as refused:
                if refused.code == GATE:
                    new = self._new_lines(account, asked.operation, lines, purchases._signature_of(lines))
                    yield from self._collect_and_keep(account, new, None, True)
                raise

        return late

    patch.wrap(Purchases, "_buy_lines", make)


def crash_without_method(on_session: bool) -> Plant:
    """The code behind the gate relied on it: without a payment method it fails with 500, for people or for services."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def crashing(self: Gate, account: Account, asked: Any, *rest: Any) -> Any:
                chosen = yield from original(self, account, asked, *rest)
                body = asked.body if isinstance(asked.body, dict) else {}
                if chosen is None and body.get("user_is_on_session", True) is on_session:
                    raise Refusal(500, 1000, "internal error")
                return chosen

            return crashing

        patch.wrap(Gate, "method_or_refusal", make)
        patch.replace(Gate, "lets_pass_without", lambda self, account, asked: False)

    return plant


def standing_forgotten(*kept: str) -> Plant:
    """Checks of the account's standing went with the gate; what is `kept` (banned, locked, debt) is refused."""

    def plant(patch: Patches) -> None:
        def refuse(account: Account) -> None:
            if account.banned and "banned" in kept:
                raise Refusal(403, BANNED, "the account is banned")
            if account.locked and "locked" in kept:
                raise Refusal(403, LOCKED, "the account is locked")
            if account.owes_minor() and "debt" in kept:
                raise Refusal(403, DEBTOR, "the account has an outstanding balance")

        patch.replace(purchases, "refuse_if_blocked", refuse)

    return plant


def lock_looks_like_gate(patch: Patches) -> None:
    """A locked account is told to add a payment method."""

    def refuse(account: Account) -> None:
        if account.locked or account.banned or account.owes_minor():
            raise Refusal(402, GATE, "add a payment method")

    patch.replace(purchases, "refuse_if_blocked", refuse)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="gate-left-on-update-after-removal",
        title="After removal the gate is still on for changes of plan.",
        plant=gate_is("enforced", "update"),
        shown_by=("upgrade-only",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="gate-left-on-append-after-removal",
        title="After removal the gate is still on for additions to a plan.",
        plant=gate_is("enforced", "append"),
        shown_by=("append-component",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="gate-left-on-the-profile-after-clean-up",
        title="After clean-up the gate is still on for the billing profile.",
        plant=gate_is("enforced", "profile_update"),
        shown_by=("billing-profile-management",),
        phase=6,
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="gate-left-on-domains-after-removal",
        title="After removal the gate is still on for domains.",
        plant=gate_is("enforced", "registrar_checkout"),
        shown_by=("mixed-cart",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="gate-left-on-for-services-after-removal",
        title="After removal the gate is still on for bulk creation, which services use too.",
        plant=gate_is("enforced", "bulk_create"),
        shown_by=("iapi-without-customer",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="gate-left-on-for-expired-cards-after-removal",
        title="The gate went for accounts without a payment method, and stayed for those whose card has expired.",
        plant=expired_method_refused,
        shown_by=("expired-payment-method",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="gate-forgotten-on-append-before-removal",
        title="Before removal additions to a plan have no gate.",
        plant=gate_is("off", "append"),
        shown_by=("append-component",),
        phase=0,
        finds=("gate-as-configured",),
    ),
    Defect(
        name="gate-forgotten-on-bulk-create-before-removal",
        title="Before removal bulk creation has no gate.",
        plant=gate_is("off", "bulk_create"),
        shown_by=("missing-payment-method",),
        phase=1,
        finds=("gate-as-configured",),
    ),
    Defect(
        name="update-still-refused-when-softened",
        title="In the softened phase changes of plan are still refused.",
        plant=gate_is("enforced", "update"),
        shown_by=("gate-softening",),
        phase=1,
        finds=("gate-as-configured",),
    ),
    Defect(
        name="bulk-create-softened-too-early",
        title="In the softened phase bulk creation is softened too, which was to be refused until removal.",
        plant=gate_is("softened", "bulk_create"),
        shown_by=("gate-softening",),
        phase=1,
        finds=("gate-as-configured",),
    ),
    Defect(
        name="softened-without-a-warning",
        title="The softened gate lets pass without a word.",
        plant=softened_without_warning,
        shown_by=("gate-softening",),
        phase=1,
        finds=("gate-as-configured",),
    ),
    Defect(
        name="gates-flag-ignored",
        title="The gate's server-side flag is not read any more, so nobody can switch the gate off.",
        plant=gate_flag_ignored,
        shown_by=("gate-switched-off-by-flag",),
        phase=0,
        finds=("gate-as-configured",),
    ),
    Defect(
        name="refused-after-the-purchase-was-made",
        title="The gate is asked only after the purchase has been made.",
        plant=refused_after_creation,
        shown_by=("missing-payment-method",),
        phase=0,
        finds=("gate-as-configured",),
        also=("confirm-before-commit", "no-entitlement-without-payment", "old-frontend-survives", "stores-agree"),
    ),
    Defect(
        name="decline-answered-as-the-gate-after-removal",
        title="After removal a declined card is answered with the gate's code.",
        plant=decline_with(1210),
        shown_by=("declining-payment-method-on-file",),
        finds=("gate-code-means-gate", "no-pm-gate-rejections"),
    ),
    Defect(
        name="decline-answered-as-the-gate-before-removal",
        title="Before removal a declined card is answered with the gate's code.",
        plant=decline_with(1210),
        shown_by=("declining-payment-method-on-file",),
        phase=0,
        finds=("gate-code-means-gate",),
        also=("gate-as-configured",),
    ),
    Defect(
        name="decline-answered-with-an-unknown-code",
        title="A declined card is answered with a 402 of a code that nobody knows, as where Stripe's own is passed on.",
        plant=decline_with(1000),
        shown_by=("declining-payment-method-on-file",),
        finds=("gate-code-means-gate",),
    ),
    Defect(
        name="decline-answered-with-400",
        title="A declined card is answered with 400, as if the request were malformed.",
        plant=decline_with(1214, 400),
        shown_by=("declining-payment-method-on-file",),
        finds=("other-refusals-survive",),
    ),
    Defect(
        name="crash-without-a-payment-method",
        title="The code behind the gate relied on it: without a payment method it fails with 500 for customers.",
        plant=crash_without_method(on_session=True),
        shown_by=("purchase-repeated",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="crash-off-session-without-a-payment-method",
        title="The code behind the gate relied on it: without a payment method it fails with 500 for services.",
        plant=crash_without_method(on_session=False),
        shown_by=("purchase-repeated",),
        finds=("no-pm-gate-rejections",),
    ),
    Defect(
        name="lock-refused-no-more",
        title="The check of locked accounts went with the gate.",
        plant=standing_forgotten("banned", "debt"),
        shown_by=("refused-whatever-the-gate",),
        customers=40,
        finds=("other-refusals-survive",),
    ),
    Defect(
        name="ban-refused-no-more",
        title="The check of banned accounts went with the gate.",
        plant=standing_forgotten("locked", "debt"),
        shown_by=("refused-whatever-the-gate",),
        customers=40,
        finds=("other-refusals-survive",),
    ),
    Defect(
        name="debt-refused-no-more",
        title="The check of accounts in debt went with the gate.",
        plant=standing_forgotten("banned", "locked"),
        shown_by=("refused-whatever-the-gate",),
        customers=40,
        finds=("other-refusals-survive",),
    ),
    Defect(
        name="lock-answered-as-the-gate-after-removal",
        title="After removal a locked account is told to add a payment method.",
        plant=lock_looks_like_gate,
        shown_by=("refused-whatever-the-gate",),
        customers=40,
        finds=("other-refusals-survive", "no-pm-gate-rejections"),
    ),
    Defect(
        name="lock-answered-as-the-gate-before-removal",
        title="Before removal a locked account is told to add a payment method.",
        plant=lock_looks_like_gate,
        shown_by=("refused-whatever-the-gate",),
        phase=0,
        customers=40,
        finds=("other-refusals-survive",),
        also=("gate-as-configured",),
    ),
)
