"""The shipped specs, one file each, in a folder for each group. A file that is put there is found; nothing lists it."""
