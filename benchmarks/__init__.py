"""The tables of `verify bench`: one file each. Nothing lists them: they are found."""
