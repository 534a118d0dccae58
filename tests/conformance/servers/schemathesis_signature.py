"""Hook of schemathesis: signs what it sends to billing-webhooks as Stripe would."""

from __future__ import annotations

import os
import time

import schemathesis
from requests import PreparedRequest
from requests.auth import AuthBase

from sim.stripe.signature import sign


class Signed(AuthBase):
    """Signs the body as it goes out."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        payload = body.encode() if isinstance(body, str) else body
        request.headers["Stripe-Signature"] = sign(payload, os.environ["WEBHOOK_SECRET"], int(time.time()))
        return request


schemathesis.auth.set_from_requests(Signed())
