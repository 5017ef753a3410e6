"""Losses of overlaps: the probabilities of all pixels and their labels."""
