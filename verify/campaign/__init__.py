"""The matrix candidate × dtype × law: what is in it, and its execution on worker processes."""
