"""What names tell: animals, groups, sessions, dates, and which name of another table is meant."""
