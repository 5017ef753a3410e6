"""The commands, one module each with a `command`; those of `bench`, `descent`, `gate` and `report` are in their packages. `verify.cli`
lists all.
"""
