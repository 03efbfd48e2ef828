"""The figures of docs/performance.md: measured on one machine, kept as a file, and written as tables and a plot."""
