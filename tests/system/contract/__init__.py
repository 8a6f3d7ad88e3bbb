"""One test suite for every implementation of CodeArtifact's API."""
