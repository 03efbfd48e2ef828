"""One file per command of `gigawatt dashboards`; the file name is the command's name."""
