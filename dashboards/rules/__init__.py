"""The alerting rules, one a file: found by the name of the file."""
