"""What each request of Stripe's interface does: one file for each resource."""
