"""Benchmarks: the core against installed libraries. Contestants take turns, answers are compared, and a busy machine is noticed."""
