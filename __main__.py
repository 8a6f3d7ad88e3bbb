"""Publishes or promotes the packages of a manifest: `pulumi config set manifest PATH`, then `pulumi up`.

The stack config sets `manifest` (default: `release.yaml` beside Pulumi.yaml) and `environment` (default: the name of
the stack).
"""

from pulumi_codeartifact_release import publish_stack

publish_stack()
