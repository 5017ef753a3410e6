"""An audit: every entry of a candidate's gradient on one large problem.

The laws search small problems, where a bug shows in few numbers. An audit examines one point of full size, such as 10 × 3073 weights: along
random directions it compares the gradient with the candidate's own loss, which needs only its values; with a spec it also compares all
entries with the oracle's subdifferential and with the numerical gradient. Disagreements are narrowed down to single entries.
"""
