"""Communication: visits, mentions and answers."""
