"""Floor 6: the kpi command."""
