"""Who acts: customers, gateway, subscriptions-api, billing-webhooks and Stripe, and the SimPy world that runs them."""
