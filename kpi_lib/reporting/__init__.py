"""Floor 5: notebooks run and become report pages."""
