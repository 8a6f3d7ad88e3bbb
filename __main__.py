"""Publish or promote a manifest: `pulumi config set manifest PATH`, then `pulumi up`.

The environment is the one that the stack is named after, or `pulumi config set environment NAME`.
"""

import asyncio
import signal

import pulumi

from pulumi_codeartifact_release import outputs_of, publish_manifest

# When a release is refused the engine interrupts this program: Python's two tracebacks would bury the reason.
signal.signal(signal.SIGINT, signal.SIG_DFL)

config = pulumi.Config()
manifest = config.get("manifest")
if manifest is None:
    # A fresh clone: the quickstart, whose files are built on the spot.
    try:
        from examples.quickstart.build import build
    except ModuleNotFoundError:
        raise pulumi.RunError("no manifest is set\nSay which: `pulumi config set manifest PATH`.") from None

    manifest = str(build())

releases = publish_manifest(
    manifest,
    config.get("environment") or pulumi.get_stack(),
    variables=config.get_object("variables"),
    allow=config.get_object("allow") or (),
    replace=config.get_object("replace") or (),
    force=config.get_object("force") or (),
    reason=config.get("reason") or "",
)


async def outputs() -> pulumi.Inputs:
    """Return the outputs of the stack."""
    # After one turn of the loop all registrations have begun, and the SDK waits for these. For none, it would wait for
    # all outputs of all resources at once, anew after every answer: in time, the square of their number.
    await asyncio.sleep(0)
    return {"releases": outputs_of(releases)}


pulumi.run(outputs)
