"""The publishing core under a scheduler that owns every step, against a model of the registry's rules."""
