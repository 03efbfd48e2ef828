"""The spool: what the broker has not acknowledged, on disk, sent once when it is back."""
