"""Publish or promote a manifest: `pulumi config set manifest PATH`, then `pulumi up`.

The manifest is `release.yaml` beside Pulumi.yaml, or what `manifest` says. The environment is the one that the stack is
named after, or what `environment` says.
"""

import asyncio

import pulumi

from pulumi_codeartifact_release import outputs_of, publish_stack

releases = publish_stack()


async def outputs() -> pulumi.Inputs:
    """Return the outputs of the stack."""
    # After one turn of the loop all registrations have begun, and the SDK waits for these. For none, it would wait for
    # all outputs of all resources at once, anew after every answer: in time, the square of their number.
    await asyncio.sleep(0)
    return {"releases": outputs_of(releases)}


pulumi.run(outputs)
