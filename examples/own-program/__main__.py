"""Your own program: the stack `dev` publishes, the stack `prod` promotes the version in dev's outputs."""

from __future__ import annotations

from pathlib import Path

import pulumi

from pulumi_codeartifact_release import PackageVersion, Promotion

REGISTRY = "file:.registry"  # in this folder; leave `endpoint` out for AWS


def build(version: str) -> Path:
    path = Path("build/payments-api.py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'print("payments-api {version}")\n')
    return path


release: PackageVersion | Promotion
if pulumi.get_stack() == "dev":
    version = pulumi.Config().get("version") or "1.0.0"
    release = PackageVersion(
        "payments-api",
        namespace="acme",
        package="payments-api",
        version=version,
        domain="acme",
        repository="dev",
        endpoint=REGISTRY,
        assets={"payments-api.py": build(version), "NOTES": pulumi.StringAsset(f"What is new in {version}\n")},
    )
    # The source may be a resource of the same program: this is published, then copied, in one `pulumi up`.
    Promotion("payments-api-staging", source=release, domain="acme", repository="staging", endpoint=REGISTRY)
else:
    dev = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/dev")
    release = Promotion(
        "payments-api",
        source=dev.require_output("release"),
        domain="acme-prod",
        repository="releases",
        endpoint=REGISTRY,
    )

# What a stack that promotes from this one needs: where the version is, and which bytes it was.
SAYS = ("namespace", "package", "version", "digest", "domain", "domain_owner", "repository", "region", "endpoint")
pulumi.export("release", {name: getattr(release, name) for name in SAYS})
pulumi.export("digest", release.digest)
