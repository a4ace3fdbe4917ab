"""Floor 2: every KPI, declared once."""
