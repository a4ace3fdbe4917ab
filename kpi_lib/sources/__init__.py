"""Floor 4: files and settings come in."""
