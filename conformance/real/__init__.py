"""Real deployments: what a profile says of one, what must hold before it is touched, and how customers act on it."""
