"""Losses of a mean or its logarithm, for counts, positive targets and the spread of a distribution."""
