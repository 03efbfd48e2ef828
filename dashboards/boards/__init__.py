"""The boards: one a file, found by its name, with a function `build` that returns it."""
