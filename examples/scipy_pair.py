"""A plain pair for `scipy.optimize.minimize`: an objective of one array with a kink in every entry, its gradient, and a wrong one."""

import numpy as np

START = np.array([1.0, -0.5, 0.0, 2.0])
A, B = np.vander(np.linspace(-1, 1, 12), 4), np.linspace(0, 1, 12) ** 3


def loss(x):
    """½‖Ax − b‖² + 0.1‖x‖₁."""
    r = A @ x - B
    return 0.5 * r @ r + 0.1 * np.abs(x).sum()


def grad(x):
    """At 0 any value of [−0.1, 0.1] is right for the second term; this takes 0."""
    return A.T @ (A @ x - B) + 0.1 * np.sign(x)


def wrong(x):
    """The second term is left out where x is small, as if it were rounded off: check_grad at a generic point does not see it."""
    return A.T @ (A @ x - B) + 0.1 * np.sign(x) * (np.abs(x) > 1e-6) + 0.3 * (x == 0)
