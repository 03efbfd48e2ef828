"""The `gigawatt` command: one entry point over all the parts."""
