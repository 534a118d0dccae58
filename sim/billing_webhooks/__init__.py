"""billing-webhooks: receives Stripe's events, and the Continuation workflow that grants what they say is paid.

`POST /webhooks/stripe`, body the raw bytes, header `stripe-signature`. 200: taken, or none of ours. 400, code 1001: the
signature is bad or older than 300 s. 503: cannot be applied yet; Stripe delivers it again.
"""

from sim.billing_webhooks.service import BillingWebhooks

__all__ = ["BillingWebhooks"]
