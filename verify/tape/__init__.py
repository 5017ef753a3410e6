"""The tape: one form for every formula, from which its values, gradients, kinks and roundings are computed.

`tape` is the form and its recorder, `primitives` the table of operations. Each evaluation is a module: `floats`, `enclose` (balls),
`series` (along a line), `vectors` (many points in double precision, with error radii), `reverse` (gradients over any of them), `ranges`.
"""
