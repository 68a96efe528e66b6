"""What names tell: animals, groups, sessions, dates, and which clip is meant."""
