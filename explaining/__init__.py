"""How a trained network is read: `explain.py` calls `sections`."""
