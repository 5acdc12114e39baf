"""Argus: show what changed between two pictures, but only the change you asked about."""

__version__ = "0.1.0"
