"""Losses of probabilities."""
