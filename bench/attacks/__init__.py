"""Attacks on a running stack, and what they do to it: the measurement behind `docs/security.md`."""
