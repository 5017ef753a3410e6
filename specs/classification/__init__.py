"""Losses of one score for each class."""
