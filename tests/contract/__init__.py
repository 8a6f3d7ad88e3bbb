"""One suite of behaviours for whatever speaks CodeArtifact's API."""
