"""Penalties R(W) of weights. Those that a file lists as PENALTIES are found out of a candidate; a PENALTY is named."""
