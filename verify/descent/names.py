"""The methods' names and settings, known without heavy imports, for `--help`."""

SETTINGS = {
    "random-search": ("scale",),
    "local-search": ("radius",),
    "gradient": ("step",),
    "minibatch": ("step", "batch"),
    "sgd": ("step",),
}
"""In the order of the notes."""

SUMMARIES = {
    "random-search": "Try random weights, keep the best.",
    "local-search": "Try a random step from the best weights so far, go there if it is better.",
    "gradient": "Walk down the gradient of all examples.",
    "minibatch": "Walk down the gradient of one mini-batch after the other.",
    "sgd": "Walk down the gradient of one example after the other.",
}

MEANINGS = {
    "scale": "Standard deviation of the tried weights (default 0.1).",
    "radius": "Standard deviation of the tried step (default 0.03).",
    "step": "Step size η (default 1/L, for sgd a quarter of it).",
    "batch": "Examples in a mini-batch (default 64).",
}
