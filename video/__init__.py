"""Frames of a clip."""
