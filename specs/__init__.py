"""The shipped specs: one file per loss, and the penalties. A file that is put here is found; nothing lists it."""
