"""Team: work done, and how the people who do it feel; never the scoring of a person."""
