"""The systems of the course notes: a loss landscape, random search, local search, step sizes, (mini-batch) gradient descent.

`problem` is what is minimised, `optimisers` are single steps as pure functions, `bounds` says how far they must get, `run` takes the steps
and keeps the history. They run on the built-in kernels; the oracle provides the truth.
"""
