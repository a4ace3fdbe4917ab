"""Floor 1: what users did, as unit frames."""
