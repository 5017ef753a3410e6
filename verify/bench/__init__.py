"""How fast the core is, beside whatever is installed: contestants take turns, answers are compared, a busy machine is noticed."""
