"""Satisfaction: what people say when they are asked."""
