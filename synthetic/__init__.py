"""The artificial animals of the demo."""
