"""Video files: what may be opened, what should come out of them, and their frames."""
