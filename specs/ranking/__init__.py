"""Losses that compare the scores of a batch, of pairs or of lists."""
