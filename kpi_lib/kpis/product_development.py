"""Product development: how often and how fast the product changes, and how near its goals are."""
