"""Sequences on disk, their provenance, and InceptionV3 with its weights."""
