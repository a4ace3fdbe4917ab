"""Floor 0: the vocabulary, additive statistics and intervals."""
