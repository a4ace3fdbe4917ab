"""Quality: defects, tests and errors."""
