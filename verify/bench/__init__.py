"""Benchmarks: the core beside whatever is installed. Contestants take turns, answers are compared, a busy machine is noticed."""
