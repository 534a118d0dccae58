"""Defects of input and limits: what is malformed is not refused, or not clearly; answers that fit no description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim import gateway, rate_limit
from sim.gateway import Gateway
from sim.messages import Answer
from sim.store import Account, KeptAnswer
from sim.subscriptions_api import body as bodies
from sim.subscriptions_api import invoices, profiles, purchases, service, views, zones
from sim.subscriptions_api.envelope import GATE, NOT_FITTING, NOT_FOUND, Refusal, WrongMethod
from sim.subscriptions_api.purchases import Purchases
from sim.time import SECOND_US

_READERS: Final = (bodies, purchases, profiles, zones, invoices)
"""Modules that know a reader of `body` by a name of their own."""


def _everywhere(patch: Patches, name: str, value: Any) -> None:
    """Put a reader of bodies in its place wherever it is known."""
    for module in _READERS:
        if hasattr(module, name):
            patch.replace(module, name, value)


# --- what is malformed is taken, or taken badly ---------------------------------------------------------------------


def quantity_not_checked(patch: Patches) -> None:
    """A quantity that is no whole number from 1 on is taken for 1."""
    original = bodies.line_of

    def line_of(account: Account, body: Any, where: str = "") -> Any:
        if isinstance(body, Mapping) and "quantity" in body and type(body["quantity"]) in (int, float, bool, str):
            known = type(body["quantity"]) is int and body["quantity"] > 0
            body = {**body, "quantity": body["quantity"] if known else 1}
        return original(account, body, where)

    _everywhere(patch, "line_of", line_of)


def text_for_an_object_crashes(patch: Patches) -> None:
    """A text where an object belongs makes the handler fail: nobody looked at its type."""
    original = bodies.rate_plan_of

    def rate_plan_of(body: Mapping[str, Any], where: str) -> str:
        if isinstance(body.get("rate_plan"), str | int | list):
            raise Refusal(500, 1000, "internal error")
        return original(body, where)

    _everywhere(patch, "rate_plan_of", rate_plan_of)


def any_value_is_true(patch: Patches) -> None:
    """Whether somebody is there is whatever counts as true in the language at hand."""
    _everywhere(patch, "on_session_of", lambda body: bool(body.get("user_is_on_session")))


def made_before_it_is_read(patch: Patches) -> None:
    """The lines are bought before the rest of the body is looked at."""

    def make(original: Any) -> Any:
        def early(self: Purchases, account: Account, asked: Any, body: Any, lines: Any) -> Any:
            try:
                return (yield from original(self, account, asked, body, lines))
            except Refusal as refused:
                if refused.code == NOT_FITTING:
                    new = self._new_lines(account, asked.operation, lines, purchases._signature_of(lines))
                    yield from self._collect_and_keep(account, new, None, True)
                raise

        return early

    patch.wrap(Purchases, "_buy_lines", make)


def field_not_named(patch: Patches) -> None:
    """Whatever does not fit is refused with the same few words."""
    for module in _READERS:
        if hasattr(module, "not_fitting"):
            patch.replace(module, "not_fitting", lambda field, what: Refusal(400, NOT_FITTING, "invalid request"))


def gate_before_body(patch: Patches) -> None:
    """The gate is asked before anybody reads the body."""

    def make(original: Any) -> Any:
        def bulk_create(self: Purchases, account: Account, asked: Any) -> Any:
            if not account.payment_methods and self._config.gate_modes.get(asked.operation) == "enforced":
                raise Refusal(402, GATE, "a valid payment method is needed")
            return original(self, account, asked)

        return bulk_create

    patch.wrap(Purchases, "bulk_create", make)


def wrong_method_not_told(patch: Patches) -> None:
    """A method that a path does not have is answered as if the path were not there."""

    def init(self: WrongMethod, method: str, possible: Any) -> None:
        Refusal.__init__(self, 404, NOT_FOUND, "there is nothing here")

    patch.replace(WrongMethod, "__init__", init)


def unreadable_date_ignored(patch: Patches) -> None:
    """A date that is none is no filter, so that everything is shown."""

    def make(original: Any) -> Any:
        def bound_us(query: Mapping[str, str], field: str, upper: bool) -> int | None:
            try:
                found: int | None = original(query, field, upper)
            except Refusal:
                return None
            return found

        return bound_us

    patch.wrap(invoices, "_bound_us", make)


def bad_profile_fields_kept(patch: Patches) -> None:
    """A billing profile keeps whatever it is given, of whatever type."""
    patch.replace(
        profiles,
        "_fields_of",
        lambda body: {name: body[name] for name in ("name", "email", "country", "address") if body.get(name)},
    )


# --- batches --------------------------------------------------------------------------------------------------------


def _lines_that_fit(account: Account, entries: Any) -> list[Any]:
    fitting = []
    for entry in entries if isinstance(entries, list) else ():
        try:
            fitting.append(bodies.line_of(account, entry))
        except Refusal:
            continue
    return fitting


def bad_lines_skipped(patch: Patches) -> None:
    """Lines of a batch that do not fit are left out, and the others bought."""

    def make(original: Any) -> Any:
        def lines_of(account: Account, body: Mapping[str, Any]) -> Any:
            fitting = _lines_that_fit(account, body.get("subscriptions"))
            return fitting if len(fitting) > 1 else original(account, body)

        return lines_of

    _everywhere(patch, "lines_of", make(bodies.lines_of))


def good_lines_made(patch: Patches) -> None:
    """A batch is bought line by line: those before a bad one stay when it is refused."""

    def make(original: Any) -> Any:
        def bulk_create(self: Purchases, account: Account, asked: Any) -> Any:
            try:
                return original(self, account, asked)
            except Refusal as refused:
                return self_made(self, account, asked, refused)

        return bulk_create

    def self_made(self: Purchases, account: Account, asked: Any, refused: Refusal) -> Any:
        body = asked.body if isinstance(asked.body, Mapping) else {}
        entries = body.get("subscriptions")
        lines = _lines_that_fit(account, entries)
        if isinstance(entries, list) and 1 < len(lines) < len(entries):
            new = self._new_lines(account, asked.operation, lines, purchases._signature_of(lines))
            yield from self._collect_and_keep(account, new, None, True)
        raise refused

    patch.wrap(Purchases, "bulk_create", make)


def last_line_unread(patch: Patches) -> None:
    """The loop over a batch ends one line early: the last one is neither read nor bought."""

    def make(original: Any) -> Any:
        def lines_of(account: Account, body: Mapping[str, Any]) -> Any:
            entries = body.get("subscriptions")
            if isinstance(entries, list) and len(entries) > 2:
                body = {**body, "subscriptions": entries[:-1]}
            return original(account, body)

        return lines_of

    _everywhere(patch, "lines_of", make(bodies.lines_of))


def bad_domains_skipped(patch: Patches) -> None:
    """Domains that do not fit are left out of an order."""

    def make(original: Any) -> Any:
        def domains_of(body: Mapping[str, Any]) -> Any:
            entries = body.get("domains")
            if not isinstance(entries, list) or len(entries) < 2:
                return original(body)
            fitting = []
            for entry in entries:
                try:
                    fitting.extend(original({"domains": [entry]}))
                except Refusal:
                    continue
            return fitting

        return domains_of

    _everywhere(patch, "domains_of", make(bodies.domains_of))


def line_not_named(patch: Patches) -> None:
    """A batch is refused without a word on which of its lines does not fit."""

    def make(original: Any) -> Any:
        def lines_of(account: Account, body: Mapping[str, Any]) -> Any:
            try:
                return original(account, body)
            except Refusal as refused:
                entries = body.get("subscriptions")
                if isinstance(entries, list) and len(entries) in (2, 3):
                    raise Refusal(400, NOT_FITTING, "subscriptions: one of the lines is not valid") from None
                raise refused from None

        return lines_of

    _everywhere(patch, "lines_of", make(bodies.lines_of))


# --- the form of answers --------------------------------------------------------------------------------------------


def answers_changed(change: Any, *operations: str) -> Plant:
    """The envelope of some operations is changed on its way out; of all where none are named."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def handle(self: Gateway, request: Any) -> Any:
                answer = yield from original(self, request)
                named = gateway.operation_of(request.method, request.path)
                if isinstance(answer.body, dict) and (not operations or named in operations):
                    return Answer(answer.status, change(answer.status, dict(answer.body)), answer.headers)
                return answer

            return handle

        patch.wrap(Gateway, "handle", make)

    return plant


def _success_everywhere(status: int, envelope: dict[str, Any]) -> dict[str, Any]:
    return {**envelope, "success": True} if status >= 400 else envelope


def _no_messages(status: int, envelope: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in envelope.items() if name != "messages" or value}


def _no_errors_on_success(status: int, envelope: dict[str, Any]) -> dict[str, Any]:
    return {**envelope, "errors": None} if status < 300 else envelope


def _no_result_info(status: int, envelope: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in envelope.items() if name != "result_info"}


def _result_on_error(status: int, envelope: dict[str, Any]) -> dict[str, Any]:
    return {**envelope, "result": {}} if status >= 400 else envelope


def dates_in_another_form(patch: Patches) -> None:
    """Subscriptions say when they were made as a number of seconds."""

    def make(original: Any) -> Any:
        def subscription(item: Any) -> dict[str, Any]:
            return {**original(item), "created_on": item.created_us // SECOND_US}

        return subscription

    patch.wrap(views, "subscription", make)


# --- the rate limit -------------------------------------------------------------------------------------------------


def limit_without_time(patch: Patches) -> None:
    """Who asks too often is not told when to come again."""

    def make(original: Any) -> Any:
        def limited(limit: int, wait_s: int) -> Refusal:
            refused: Refusal = original(limit, wait_s)
            refused.headers = {}
            return refused

        return limited

    patch.wrap(gateway, "_rate_limited", make)


def limit_with_another_code(patch: Patches) -> None:
    """The limit is told with the code of a failure."""
    patch.wrap(
        gateway,
        "_rate_limited",
        lambda original: lambda limit, wait_s: Refusal(429, 1000, "slow down", original(limit, wait_s).headers),
    )


def limit_with_a_wrong_time(patch: Patches) -> None:
    """Retry-After is that of another window: a minute, where the limit lasts for five."""
    patch.replace(
        gateway,
        "_rate_limited",
        lambda limit, wait_s: Refusal(429, 971, "too many requests", {"retry-after": str(min(wait_s, 60))}),
    )


def limit_far_too_low(patch: Patches) -> None:
    """The limit was set for machines that ask once in a while: a customer's own polling meets it."""
    original = rate_limit.MemoryRateLimit.retry_after_s
    patch.replace(
        rate_limit.MemoryRateLimit,
        "retry_after_s",
        lambda self, account, limit, now_us: original(self, account, min(limit, 4), now_us),
    )


def limit_kept_by_key(patch: Patches) -> None:
    """A refusal for asking too often is kept under the purchase's key, and answered for ever."""

    def make(original: Any) -> Any:
        limited: dict[tuple[str | None, str], Refusal] = {}

        def asked(self: Gateway, request: Any) -> Any:
            key = request.headers.get("idempotency-key")
            known = (request.headers.get("authorization"), key)
            if key and known in limited:
                raise limited[known]
            try:
                return original(self, request)
            except Refusal as refused:
                if key and refused.status == 429:
                    limited[known] = refused
                raise

        return asked

    patch.wrap(Gateway, "_asked", make)


# --- keys -----------------------------------------------------------------------------------------------------------


def other_body_not_seen(patch: Patches) -> None:
    """A key that was used is answered as before, whatever is asked with it."""
    patch.replace(service, "_kept_answer", lambda kept, asked: kept.answer)


def other_operation_not_seen(patch: Patches) -> None:
    """A key is compared with its body alone: for another operation it gets the first one's answer."""

    def make(original: Any) -> Any:
        def kept_answer(kept: KeptAnswer, asked: Any) -> Answer:
            if kept.operation != asked.operation:
                return kept.answer
            answer: Answer = original(kept, asked)
            return answer

        return kept_answer

    patch.wrap(service, "_kept_answer", make)


def refusals_not_kept(patch: Patches) -> None:
    """Only successes are kept: a refused purchase with its key is tried anew."""

    def make(original: Any) -> Any:
        def change(self: Any, asked: Any) -> Any:
            answer = yield from original(self, asked)
            account = self._store.account(asked.account_id)
            if account is not None and asked.key is not None and answer.status >= 400:
                account.kept_answers.pop(asked.key, None)
                self._store.save(account)
            return answer

        return change

    patch.wrap(service.SubscriptionsApi, "_change", make)


def server_errors_kept(patch: Patches) -> None:
    """Server errors are kept like any answer: a purchase that met one can never be repeated with its key."""

    def make(original: Any) -> Any:
        def change(self: Any, asked: Any) -> Any:
            answer = yield from original(self, asked)
            account = self._store.account(asked.account_id)
            if account is not None and asked.key is not None and answer.status >= 500:
                account.kept_answers[asked.key] = KeptAnswer(asked.operation, asked.identifier, asked.body, answer)
                self._store.save(account)
            return answer

        return change

    patch.wrap(service.SubscriptionsApi, "_change", make)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="quantity-not-checked",
        title="A quantity that is no whole number from 1 on is taken for 1.",
        plant=quantity_not_checked,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
        also=("batch-is-atomic",),
    ),
    Defect(
        name="text-for-an-object-crashes",
        title="A text where an object belongs makes the handler fail: nobody looked at its type.",
        plant=text_for_an_object_crashes,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
    ),
    Defect(
        name="any-value-counts-as-on-session",
        title="Whether somebody is there is whatever counts as true in the language at hand.",
        plant=any_value_is_true,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
    ),
    Defect(
        name="bought-before-the-body-is-read",
        title="The lines are bought before the rest of the body is looked at.",
        plant=made_before_it_is_read,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
    ),
    Defect(
        name="field-not-named",
        title="Whatever does not fit is refused with the same few words.",
        plant=field_not_named,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
        also=("batch-is-atomic",),
    ),
    Defect(
        name="gate-asked-before-the-body",
        title="The gate is asked before anybody reads the body.",
        plant=gate_before_body,
        shown_by=("malformed-input",),
        phase=0,
        customers=4,
        finds=("bad-input-refused",),
        also=("batch-is-atomic",),
    ),
    Defect(
        name="wrong-method-not-told",
        title="A method that a path does not have is answered as if the path were not there.",
        plant=wrong_method_not_told,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
    ),
    Defect(
        name="unreadable-date-ignored",
        title="A date that is none is no filter, so that everything is shown.",
        plant=unreadable_date_ignored,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
        also=("history-truthful",),
    ),
    Defect(
        name="profile-keeps-whatever-it-is-given",
        title="A billing profile keeps whatever it is given, of whatever type.",
        plant=bad_profile_fields_kept,
        shown_by=("malformed-input",),
        customers=4,
        finds=("bad-input-refused",),
    ),
    Defect(
        name="bad-lines-skipped",
        title="Lines of a batch that do not fit are left out, and the others bought.",
        plant=bad_lines_skipped,
        shown_by=("bad-batches",),
        customers=3,
        finds=("batch-is-atomic",),
        also=("bad-input-refused",),
    ),
    Defect(
        name="good-lines-of-a-bad-batch-made",
        title="A batch is bought line by line: those that fit stay when another one is refused.",
        plant=good_lines_made,
        shown_by=("bad-batches",),
        customers=3,
        finds=("batch-is-atomic",),
    ),
    Defect(
        name="last-line-of-a-batch-unread",
        title="The loop over a batch ends one line early: the last one is neither read nor bought.",
        plant=last_line_unread,
        shown_by=("bad-batches",),
        customers=3,
        finds=("batch-is-atomic",),
        also=("bad-input-refused", "cart-conserved"),
    ),
    Defect(
        name="bad-domains-skipped",
        title="Domains that do not fit are left out of an order.",
        plant=bad_domains_skipped,
        shown_by=("bad-batches",),
        customers=3,
        finds=("batch-is-atomic",),
    ),
    Defect(
        name="bad-line-not-named",
        title="A batch is refused without a word on which of its lines does not fit.",
        plant=line_not_named,
        shown_by=("bad-batches",),
        customers=3,
        finds=("batch-is-atomic",),
    ),
    Defect(
        name="refusals-say-success",
        title="Refusals say success: true, and only the status tells.",
        plant=answers_changed(_success_everywhere),
        shown_by=("malformed-input",),
        customers=2,
        finds=("envelope-conforms",),
    ),
    Defect(
        name="answers-without-messages",
        title="Answers of purchases lack their messages where there are none.",
        plant=answers_changed(_no_messages, "bulk_create", "create", "registrar_checkout", "update", "append"),
        shown_by=("repeats",),
        customers=2,
        finds=("envelope-conforms",),
    ),
    Defect(
        name="no-list-of-errors-on-success",
        title="Successful answers have null in place of an empty list of errors.",
        plant=answers_changed(_no_errors_on_success),
        shown_by=("every-operation",),
        customers=2,
        finds=("envelope-conforms",),
    ),
    Defect(
        name="pages-without-numbers",
        title="Pages of the billing history do not say how many there are.",
        plant=answers_changed(_no_result_info, "billing_history"),
        shown_by=("every-operation",),
        customers=2,
        finds=("envelope-conforms",),
        also=("history-truthful",),
    ),
    Defect(
        name="refusals-with-an-empty-result",
        title="Refusals have an empty object for a result.",
        plant=answers_changed(_result_on_error),
        shown_by=("malformed-input",),
        customers=2,
        finds=("envelope-conforms",),
    ),
    Defect(
        name="dates-as-seconds",
        title="Subscriptions say when they were made as a number of seconds.",
        plant=dates_in_another_form,
        shown_by=("every-operation",),
        customers=2,
        finds=("envelope-conforms",),
    ),
    Defect(
        name="rate-limit-without-retry-after",
        title="Who asks too often is not told when to come again.",
        plant=limit_without_time,
        shown_by=("rate-limit-reached",),
        customers=3,
        finds=("rate-limit-told",),
    ),
    Defect(
        name="rate-limit-with-another-code",
        title="The rate limit is told with the code of a failure.",
        plant=limit_with_another_code,
        shown_by=("rate-limit-reached",),
        customers=3,
        finds=("rate-limit-told",),
    ),
    Defect(
        name="rate-limit-with-a-wrong-retry-after",
        title="Retry-After is that of another window: a minute, where the limit lasts for five.",
        plant=limit_with_a_wrong_time,
        shown_by=("rate-limit-reached",),
        customers=3,
        finds=("rate-limit-told",),
    ),
    Defect(
        name="rate-limit-met-by-polling",
        title="The limit was set for machines that ask once in a while: a customer's own polling meets it.",
        plant=limit_far_too_low,
        shown_by=("missing-payment-method",),
        finds=("rate-limit-told",),
        also=("cart-conserved", "old-frontend-survives", "redirect-never-returns"),
    ),
    Defect(
        name="rate-limit-kept-by-key",
        title="A refusal for asking too often is kept under the purchase's key, and answered for ever.",
        plant=limit_kept_by_key,
        shown_by=("rate-limit-reached",),
        customers=3,
        finds=("rate-limit-told",),
    ),
    Defect(
        name="other-body-with-a-used-key-not-seen",
        title="A key that was used is answered as before, whatever is asked with it.",
        plant=other_body_not_seen,
        shown_by=("repeats",),
        customers=6,
        finds=("idempotency-honoured",),
    ),
    Defect(
        name="other-operation-with-a-used-key-not-seen",
        title="A key is compared with its body alone: for another operation it gets the first one's answer.",
        plant=other_operation_not_seen,
        shown_by=("repeats",),
        customers=6,
        finds=("idempotency-honoured",),
    ),
    Defect(
        name="refusals-not-kept-under-their-key",
        title="Only successes are kept: a refused purchase with its key is tried anew.",
        plant=refusals_not_kept,
        shown_by=("repeats",),
        customers=6,
        phase=0,
        finds=("idempotency-honoured",),
    ),
    Defect(
        name="server-errors-kept-under-their-key",
        title="Server errors are kept like any answer: a purchase that met one can never be repeated with its key.",
        plant=server_errors_kept,
        shown_by=("repeats-after-errors",),
        customers=4,
        finds=("idempotency-honoured",),
    ),
)
