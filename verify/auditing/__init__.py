"""An audit: the gradient of one candidate on one large problem, every entry of it.

The laws search small problems, where a bug shows in few numbers. An audit looks at one point of full size, 10 × 3073 weights say:
along random directions of the candidate's own loss, which needs nothing but its values, and with a spec also against the oracle's
subdifferential and the numerical gradient of all entries. What is wrong is narrowed down to its entries.
"""
