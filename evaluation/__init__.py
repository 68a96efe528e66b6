"""Statistics on arrays, and the report of a run."""
