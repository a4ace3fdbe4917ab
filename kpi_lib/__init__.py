"""Declared product KPIs over your own tables."""
