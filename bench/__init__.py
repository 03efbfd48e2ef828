"""The measurements behind `gigawatt bench`."""
