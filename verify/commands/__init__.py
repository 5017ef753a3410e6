"""The commands, one module each with a `command`; those of `bench`, `descent`, `gate` and `report` stand there. `verify.cli` lists all."""
