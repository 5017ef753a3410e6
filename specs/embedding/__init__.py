"""Losses of vectors: distances and angles between examples."""
