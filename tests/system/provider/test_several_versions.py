"""Several versions of one package are for the command line; and many promotions through the resources, counted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pulumi
import pytest

from pulumi_codeartifact_release import publish_manifest
from support.stack import Stack, empty_stack

from .plugin import PROMOTION_URN
from .scenario import MANIFEST, write
from .test_promotions import Promoted, promoted
from .test_protocol import world
from .test_resources import program, stack

__all__ = ["empty_stack", "program", "promoted", "stack", "world"]


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_several_versions_of_a_package_are_refused_with_a_way_out(
    stack: Stack, program: Path, environment: str
) -> None:
    another = "  - {namespace: acme, package: app, version: '0.9', assets: [dist/*.txt]}\nenvironments:"
    promoting = '  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}\n'
    write(program, "release.yaml", MANIFEST.replace("environments:", another) + promoting)
    with pytest.raises(pulumi.RunError) as raised:
        stack.run(lambda: publish_manifest("release.yaml", environment))
    assert str(raised.value) == (
        "usage: release.yaml: acme/app is declared with 2 versions, but under Pulumi a package is one resource: use "
        "one manifest and one stack per version, or `codeartifact-release apply`"
    )


def test_fifty_promotions_are_fifty_copies_and_fifty_lists(promoted: Promoted) -> None:
    names = [f"app-{number}" for number in range(50)]
    client, key = promoted.world.package._client, promoted.world.package._key
    for name in names:
        content = name.encode()
        client.publish_package_version(
            **{**key, "package": name},
            packageVersion="1.0",
            assetName="a.txt",
            assetContent=content,
            assetSHA256=hashlib.sha256(content).hexdigest(),
        )
    with promoted.plugin() as plugin:
        plugin.configure()
        checked = {}
        for name in names:
            plugin._urn = PROMOTION_URN + name
            checked[name] = plugin.checked({}, promoted.news({"urn": plugin._urn}, package=name))
        asked = len(promoted.world.gate.requests)
        for name, inputs in checked.items():
            plugin._urn = PROMOTION_URN + name
            assert plugin.create(inputs)["status"] == "Published"
    requests = promoted.asked(asked)
    assert {each: requests.count(each) for each in requests} == {
        "POST /v1/package/versions/copy": 50,
        "POST /v1/package/version/assets": 50,
    }
