"""The mock deployment and the Stripe double as HTTP servers: thin ASGI shells around the model's own services."""
