"""The questions of an audit, by their names in reports."""

QUESTIONS = {
    "value": "the loss against the oracle's",
    "gradient": "every entry against the oracle's subdifferential",
    "numerical": "every entry against the numerical gradient of the core's loss",
    "own loss": "random directions against differences of the candidate's own loss",
}
