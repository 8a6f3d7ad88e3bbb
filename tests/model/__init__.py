"""Simulation: the publishing core against a model of the registry, with a scheduler that controls every step."""
