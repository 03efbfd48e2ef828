"""One file per source; the file name is the source's name in `gigawatt produce NAME`."""
