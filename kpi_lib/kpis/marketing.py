"""Marketing: who is reached, from where they come, what they do with it."""
