"""Competitive: the product beside others and beside published benchmarks."""
