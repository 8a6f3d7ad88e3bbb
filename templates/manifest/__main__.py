"""Publishes or promotes the packages of release.yaml; the name of the stack is the environment."""

from pulumi_codeartifact_release import publish_stack

publish_stack()
