"""subscriptions-api: the changes calculator with its gate, purchases, entitlements, zones, invoices and bad debt.

**How a client calls it.** Always through the gateway, as a person's browser or a service does:

    headers = {"authorization": "Bearer " + token, "x-client": "unified-checkout", "idempotency-key": key}
    request = Request("POST", "/api/v4/bulk/subscriptions", body={...}, headers=headers, operation="bulk_create")
    answer = yield Call("gateway", request)

Header names are lower-case; `idempotency-key` is optional. `body` is the decoded JSON (a mapping that nobody changes
afterwards); bytes are taken for undecoded JSON. `answer.body` is the envelope, a dict: `success`, `errors` (list of
`{"code", "message"}`), `messages` (the same form), `result`, and `result_info` for pages. `answer.status` 0 is UNKNOWN.
`/api/v4/accounts/{account_id}{path}` is the same operation with the account named.

| operation | method, path after /api/v4 | body |
|---|---|---|
| bulk_create | POST /bulk/subscriptions | subscriptions: [Line…], payment_method_id?, user_is_on_session |
| create | POST /subscriptions | Line's members + payment_method_id?, user_is_on_session |
| update | PUT /subscriptions/{id} | rate_plan: {id}, payment_method_id?, user_is_on_session |
| append | POST /subscriptions/{id}/action/append | component_values: [{name, value}], and as update |
| registrar_checkout | POST /billing/checkout | domains: [{name, years}], payment_method_id?, user_is_on_session |
| list_subscriptions | GET /subscriptions | |
| cancel | DELETE /subscriptions/{id} | |
| profile_get, profile_create, profile_update | GET, POST, PUT /billing/profile | name?, email?, country?, address? |
| payment_methods, add_payment_method | GET, POST /payment-methods | POST: payment_method_id |
| remove_payment_method | DELETE /payment-methods/{id} | |
| setup_payment_method | POST /billing/profile/payment-method | turnstile_token? |
| pre_auth | POST /billing/pre_auth/stripe_payment_intent | subscriptions: [Line…] |
| entitlements | GET /entitlements | |
| create_zone, get_zone, patch_zone | POST /zones; GET, PATCH /zones/{id} | name; status: "pending" |
| billing_history | GET /billing/history, query page, per_page, from, to | |
| invoice, invoice_pdf | GET /billing/invoices/{id}, …/{id}/pdf | |
| pay_bad_debt | POST /billing/pay-bad-debt | invoice_id, payment_method_id? |

Line: `{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly" | "yearly", "zone_id"?: "…", "quantity"?: 2}`.

**What comes back.** The five payment paths answer 200 with
`result = {"subscriptions": [Subscription…], "client_secrets": ["pi_…_secret_…" or "seti_…_secret_…"]}`; no secret means
that there is nothing for the customer to confirm. Subscription: `{"id", "rate_plan": {"id"}, "frequency", "zone_id"?,
"quantity", "price", "currency", "state", "created_on", "domain"?}`, `state` one of AwaitingPayment, Paid, Provisioned,
Expired, Cancelled. While a change of plan waits, the answer of `update` and `append` shows the coming plan in
AwaitingPayment with `price` = the difference due now, and GET shows the plan in force.
Entitlement: `{"feature", "subscription_id", "zone_id"?, "status": "active" | "inactive", "activated_on"?}`; unpaid
subscriptions have none. `pre_auth`: `{"client_secret", "intent_type": "payment" | "setup"}`.
`setup_payment_method`: `{"client_secret"}`. Zone: `{"id", "name", "status"}`.
PaymentMethod: `{"id", "type", "is_default", "valid", "card"?}`. A Profile always exists.

**Codes.** 1001 body does not fit (400); 10000 not authenticated (401) or another account (403); 7001 method (405);
7003 unknown path or id (404); 971 rate limited (429, `retry-after`); 1210 the gate (402), or its warning in
`messages`; 1211 in `messages`: payment needs the customer; 1212 locked, 1213 banned, 1215 debtor (403); 1214 card
refused (402, Stripe's decline code in the message); 1220 not payable as bad debt (409); 1230 idempotency key with
another body (409); 1231 state forbids it (409); 1232 Stripe unreachable (503): repeat the purchase, it is not charged
twice. 1000 (504): the service behind the gateway did not answer in time.

**Making an account** (sim/test_support.py): `Call("test-support", Request("POST", "/__test__/accounts", body={
"payment_method": "none" | "valid" | "expired" | "requires_authentication" | "declining" | "paypal", "country"?,
"subscriptions"?: [Line…], "bad_debt"?: amount, "locked"?: bool, "banned"?: bool, "account_id"?: "acct00000001",
"zones"?: ["name", …]}, operation="create_account"))` → 201 `{"account_id", "token", "stripe_customer"}`, not in an
envelope; also `"subscriptions"` and `"zones"`, lists of what was made. `account_id` and `zones` are extensions of ours.
"""

from sim.subscriptions_api.service import SubscriptionsApi

__all__ = ["SubscriptionsApi"]
