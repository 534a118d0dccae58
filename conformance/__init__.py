"""Is it right: targets that run customers, histories of facts, and the properties that judge them."""
