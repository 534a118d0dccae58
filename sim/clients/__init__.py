"""The HTTP clients of the model's front ends and services, each as its consumers see it.

`fetch_client`: Unified Checkout's fetch wrapper, which unwraps `{result}` and throws a typed `ApiError`.
`thunk_client`: Multisku's request/success/error triples, errors routed through state. `service_client`: a generated
API client of an iAPI caller. `stripe_client`: Stripe.js in the customer's browser. All of them note what they send and
what they are answered, as docs/facts.md has it.
"""

from sim.clients.fetch_client import ApiError, FetchClient
from sim.clients.gateway_client import GatewayClient
from sim.clients.reply import Reply
from sim.clients.service_client import ServiceClient
from sim.clients.stripe_client import Confirmation, StripeClient
from sim.clients.thunk_client import ThunkClient, Triple

__all__ = [
    "ApiError",
    "Confirmation",
    "FetchClient",
    "GatewayClient",
    "Reply",
    "ServiceClient",
    "StripeClient",
    "ThunkClient",
    "Triple",
]
