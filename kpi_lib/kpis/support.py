"""Support: how fast and how well questions are answered."""
