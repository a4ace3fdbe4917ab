"""Reliability: whether the product is up, and how fast it answers."""
