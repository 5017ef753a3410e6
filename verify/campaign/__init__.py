"""The matrix candidate × dtype × law: its contents, and its execution on worker processes."""
