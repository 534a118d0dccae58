"""A stateful Stripe: payments, subscriptions and invoices, with their events and signed webhooks.

It behaves as API version 2026-10-28.endive, in the world's time, and answers `Request`s whose body is the decoded
form (nested mappings; values may be str, int or bool). Parameters that Stripe does not know are refused as Stripe
refuses them; what Stripe knows and the double does not model is refused by name (`sim.stripe.unmodelled`), never
ignored. How to use it:

**Making one.** `Stripe(clock, journal, deliveries, webhook_secret="whsec_…")`. `handle(request)` is a program that
returns an `Answer`; `forget(account_id)` frees all of an account; `intents_of(account_id)` and
`payment_methods_of(account_id)` are the final reading.

**Headers.** `authorization: Bearer sk_test_gatefall` (backend) or `Bearer pk_test_gatefall` (browser); optionally
`idempotency-key` and `stripe-version`. A publishable key may create payment methods, and confirm or retrieve an
intent whose `client_secret` it passes; everything else needs the secret key (403). `Bearer rk_test_gatefall` is a
restricted key that may only read (writing: 403); `restricted_keys` names others. Versions from 2025-03-31.basil on are
understood, all others refused (400). `operations_per_s` adds Stripe's limit of operations (429).

**Whose account.** Give `metadata: {"account_id": …}` when you create a customer, and when a browser creates a payment
method before a customer is known. Objects made for a customer belong to the customer's account; ids are then
the same in every run, whatever other accounts do.

**A customer** (backend): `POST /v1/customers {"name", "email", "metadata": {"account_id": a}}` → `cus_…`.

**A payment method** (browser): `POST /v1/payment_methods` with
  - a card: `{"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"},
    "metadata": {"account_id": a}}`. Numbers by behaviour: `sim.stripe.NUMBER_BY_BEHAVIOUR[CardBehaviour]`. A
    malformed number ("incorrect_number") is refused here: 402, `card_error`, code `incorrect_number`.
  - a wallet: `{"type": "card", "card": {"token": "tok_apple_pay"}}` (or `tok_google_pay`, or any `tok_visa…`)
  - PayPal: `{"type": "paypal", "billing_details": {"email": …}}` Wherever an id of a payment method is expected, a
    test token such as `pm_card_visa` does as well: a new one is made. `POST /v1/payment_methods/{id}/attach
    {"customer"}`, `POST …/detach`, `GET …/{id}`, `GET /v1/customers/{id}/payment_methods`, `POST …/{id} {"card":
    {"exp_month", "exp_year"}}` (ages a card: attach it first, then set a past year, and an *expired card on file*
    results). Attaching a declining card: 402 `card_error`. PayPal cannot be attached (400): it is saved by an intent.
    *PayPal on file* without a redirect: `POST /v1/setup_intents {"customer", "confirm": True, "payment_method_data":
    {"type": "paypal", "billing_details": {"email"}}, "payment_method_options": {"paypal": {"billing_agreement_id":
    "B-1"}}, "return_url": "https://…"}`.

**A payment** (backend): `POST /v1/payment_intents {"amount": 500, "currency": "usd", "customer": "cus_…",
"setup_future_usage": "off_session", "metadata": {"account_id", "subscription_ids": "sub1,sub2"}}` → status
`requires_payment_method`, with a `client_secret`. With `"payment_method"` → `requires_confirmation`; also with
`"confirm": True` it is charged at once: status `succeeded`, or `requires_action` (the customer must confirm), or an
error 402 whose `error.payment_intent` shows the intent. Confirming on the backend with automatic payment methods
needs a `return_url`, or `"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}`, or
`"payment_method_types": ["card"]`, or `"off_session": True`, or `"use_stripe_sdk": True`: else 400, as at Stripe.
`off_session: True` (only with `confirm`) never challenges: where authentication is needed, 402 with code
`authentication_required`. `"error_on_requires_action": True` fails likewise instead of asking. Metadata values hold
500 characters at most.

**A set-up**: the same at `/v1/setup_intents`, without amount; `usage` defaults to `off_session`.

**Confirming** (browser): `POST /v1/payment_intents/{id}/confirm` (or setup_intents) with `{"client_secret": s,
"payment_method": "pm_…"}` or `"payment_method_data": {"type": …, …}`, and `"return_url"` (PayPal requires it) or
`"use_stripe_sdk": True`. The id is the part of the secret before `_secret_`. The answer:
  - 200, `status` `succeeded`: done (`processing` does not occur for cards or PayPal);
  - 200, `status` `requires_action`: visit `next_action.redirect_to_url.url`, or, where `next_action.type` is
    `use_stripe_sdk`, `next_action.use_stripe_sdk.stripe_js` (`sim.stripe.hosted_page(intent)` picks it);
  - 402: `error.type` `card_error`, `error.code`, `error.decline_code`; `error.payment_intent` (`setup_intent`) is the
    intent, back in `requires_payment_method`: confirm the same secret again with another method;
  - 400: wrong secret, or wrong state (`payment_intent_unexpected_state`).

**Hosted pages.** `GET` on one shows it to a person as HTML, with a form for each outcome; one whose moment is over
says so (410). `Visit(url, outcome)` becomes `POST /hosted/3d_secure/{intent}` or `/hosted/paypal/{intent}` with
`{"outcome": "complete" | "fail" | "cancel"}` (PayPal also `"refuse"`: the provider declines). Answer 303 with
`location` = the `return_url`, own query kept, plus `payment_intent`, `payment_intent_client_secret`,
`redirect_status`; or 200 without `location` where no `return_url` was given. The page decides; then retrieve the
intent to learn how it ended: `GET /v1/payment_intents/{id}` with query `{"client_secret": s}`; after a failure
`last_payment_error` (set-up: `last_setup_error`) holds `code` and `decline_code`.

**Saving.** A succeeded SetupIntent with a customer, or a succeeded PaymentIntent with `setup_future_usage` and a
customer, attaches the payment method (event `payment_method.attached`). Otherwise a method never attached cannot be
used twice.

**Others.** `POST …/{id}/cancel {"cancellation_reason"}`, `POST …/{id}` (update), `GET …` (list: `customer`, `limit`,
`starting_after`, `ending_before`, `created`), `POST /v1/payment_intents/{id}/capture`, `POST /v1/refunds
{"payment_intent" | "charge", "amount"?, "reason"?}`, `GET /v1/charges`, `GET /v1/setup_attempts {"setup_intent"}`,
`GET /v1/events {"type" | "types"}`, `/v1/webhook_endpoints`; `sim.stripe.routes.ROUTES` is the whole list. `expand`
goes four levels deep, in lists from `data.` on. With `confirmation_method: manual` the backend confirms once more after
the challenge.

**The catalogue.** `POST /v1/products {"name"}`, `POST /v1/prices {"product", "currency", "unit_amount",
"recurring": {"interval"}}`: kept for all accounts together.

**Subscriptions.** `POST /v1/subscriptions {"customer", "items": [{"price"}], "payment_behavior"}`. With
`default_incomplete` it is `incomplete` until the browser confirms the client secret in
`latest_invoice.confirmation_secret` (expand it), whose intent is an ordinary PaymentIntent; otherwise the default
payment method is charged at once. Where nothing is due there is a `pending_setup_intent`. Update (with
`pending_if_incomplete` the change waits in `pending_update` until its invoice is paid), `DELETE`, `…/pause`,
`…/resume`; items also at `/v1/subscription_items`. Taxes, discounts, usage and items of several intervals
are not modelled: their parameters are refused by name.

**Invoices.** `POST /v1/invoices`, items at `/v1/invoiceitems`, then `…/finalize`, `…/pay`, `…/send`, `…/void`,
`…/mark_uncollectible`; how each is paid, at `/v1/invoice_payments`.

**Time.** Drafts are finalized after an hour, first invoices expire after 23, renewals that fail are charged again as
`dunning` says: a spawned program waits for each account's next date. Renewals themselves go on without end, so they
happen in a server (`Stripe(…, renews_for_ever=True)`) and on test clocks: `POST /v1/test_helpers/test_clocks
{"frozen_time"}`, a customer with `"test_clock"`, then `…/advance {"frozen_time"}` does all that falls due until then,
in order. What is on a clock is an account of its own, left out of lists of everything, and has the clock's time.

**Webhooks.** Each event of an enabled type (`sim.stripe.webhook_endpoint.DEFAULT_EVENTS` unless told otherwise;
`payment_method.attached` is not among them) is delivered, signed, by a spawned program: `Call("billing-webhooks",
Request("POST", "/webhooks/stripe", body=<bytes>, headers={"stripe-signature": …}, operation=<event type>))`.
Receivers check with `sim.stripe.signature.verify(payload, header, secret, now_s)`, then `orjson.loads(payload)`:
`data.object` is the intent with its `metadata`, `payment_method`, `customer`, `amount_received`.
"""

from sim.stripe.hosted_pages import hosted_page
from sim.stripe.service import Stripe
from sim.stripe.test_cards import NUMBER_BY_BEHAVIOUR
from sim.stripe.webhooks import Delivery, DeliveryPolicy, PunctualDelivery

__all__ = ["NUMBER_BY_BEHAVIOUR", "Delivery", "DeliveryPolicy", "PunctualDelivery", "Stripe", "hosted_page"]
