"""Losses of one score, for two classes."""
