"""Slow and obvious answers in plain Python, written from the rules, to test the engine against."""
