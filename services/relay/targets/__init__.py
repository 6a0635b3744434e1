"""The targets: their connection pools, circuit breakers, and what is learnt about them."""
