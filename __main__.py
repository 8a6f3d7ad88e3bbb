"""Publishes or promotes the packages of a manifest: `pulumi config set manifest PATH`, then `pulumi up`.

The stack config sets `manifest` (default: `release.yaml` beside Pulumi.yaml) and `environment` (default: the name of
the stack).
"""

import asyncio

import pulumi

from pulumi_codeartifact_release import outputs_of, publish_stack

releases = publish_stack()


async def outputs() -> pulumi.Inputs:
    """Return the outputs of the stack."""
    # Yield once, so that all registrations start before the SDK waits for outputs. Otherwise it waits for all outputs
    # of all resources again after each response, which takes quadratic time.
    await asyncio.sleep(0)
    return {"releases": outputs_of(releases)}


pulumi.run(outputs)
