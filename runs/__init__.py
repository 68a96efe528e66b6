"""A run on disk: its options, its record, and what its scores are worth."""
