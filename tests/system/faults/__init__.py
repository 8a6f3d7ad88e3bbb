"""Faults of the real thing: weather between client and registry, races, and processes killed at every request."""
