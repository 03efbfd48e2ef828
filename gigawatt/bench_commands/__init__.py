"""The commands of `gigawatt bench`, beside its measurements: each is the file of its name."""
