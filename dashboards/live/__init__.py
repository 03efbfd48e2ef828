"""The fleet's power at this moment: read once, shown in the terminal, on the local page, or as JSON."""
