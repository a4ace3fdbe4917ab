"""Floor 3: which KPIs, how they stand, what moved, what was decided."""
