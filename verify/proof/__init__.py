"""Proofs instead of tests: a gradient's code is the derivative of a loss's code, for all real inputs of a shape, off kinks."""
