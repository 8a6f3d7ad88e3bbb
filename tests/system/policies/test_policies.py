"""The policies of docs/policies allow what is really asked of a registry: nothing less, and nothing more.

Every way that the code takes is run once, against a registry that records its requests; the repositories and packages
are those of docs/ci.md. What is asked of AWS beyond CodeArtifact is GetCallerIdentity, which needs no permission.
"""

from __future__ import annotations

import pytest

from .conftest import PACKAGE, Stand
from .iam import Need, Policy, idle, missing, policy

TARBALL = "payments-api-1.5.0-linux.tar.gz"


def exact(allowed: Policy, needed: set[Need]) -> None:
    """Hold a policy against what was needed: no action or resource is missing, and none is idle."""
    assert missing(allowed, needed) == set()
    assert idle(allowed, needed) == set()


def actions(needed: set[Need]) -> set[str]:
    return {need.action.removeprefix("codeartifact:") for need in needed}


# --- publishing -------------------------------------------------------------------------------------------------------


def publish_in_every_way(stand: Stand) -> None:
    """Cold, unchanged, resumed, adopted from somebody else's hands, a 404 that says too little, and a preview."""
    stand.plan("dev")
    stand.apply("dev")
    assert "Nothing to do" in stand.apply("dev").out
    stand.build("1.5.0", "built anew")
    stand.begin("dev", "1.5.0", TARBALL, b"built anew for linux")
    assert "resume" in stand.plan("dev").out
    stand.apply("dev")
    with stand.untyped():
        stand.plan("dev")
    assert {stand.status("dev", version) for version in ("1.4.2", "1.5.0")} == {"Published"}


def test_a_publisher_needs_what_its_policy_allows(stand: Stand) -> None:
    publish_in_every_way(stand)
    stand.declare("Unlisted")
    stand.apply("dev")
    stand.build("1.7.0")
    stand.apply("dev")
    assert stand.status("dev", "1.7.0") == "Unlisted"
    exact(policy("publisher"), stand.needed())


def test_a_publisher_that_finishes_with_the_last_asset_needs_no_change_of_status(stand: Stand) -> None:
    stand.edit("dev: {", "dev: {finalize: last-asset, ")
    publish_in_every_way(stand)
    exact(policy("publisher-last-asset"), stand.needed())


def test_another_status_than_published_takes_one_more_action(stand: Stand) -> None:
    stand.edit("dev: {", "dev: {finalize: last-asset, ")
    stand.declare("Unlisted")
    stand.apply("dev")
    on_top = missing(policy("publisher-last-asset"), stand.needed())
    assert actions(on_top) == {"UpdatePackageVersionsStatus"}


# --- promotion --------------------------------------------------------------------------------------------------------


def test_a_promoter_within_a_domain_needs_what_its_policy_allows(stand: Stand) -> None:
    stand.apply("dev")
    stand.build("1.5.0", "built anew")
    stand.apply("dev")
    stand.forget()
    stand.build("1.4.2")
    stand.plan("staging")
    stand.apply("staging")
    assert "Nothing to do" in stand.apply("staging").out
    looks = {"DescribePackageVersion", "ListPackageVersionAssets"}
    assert actions(stand.needed()) == {*looks, "CopyPackageVersions", "ReadFromRepository"}

    # What a copy alone does not need: a 404 that says too little on either side, what somebody began, a status.
    with stand.untyped():
        assert "does not exist" in stand.plan("staging", code=4).err
    stand.begin("staging", "1.5.0", TARBALL, b"built anew for linux")
    stand.apply("staging", "--var", "version=1.5.0")
    stand.declare("Unlisted")
    stand.apply("staging", "--var", "version=1.5.0")
    assert stand.status("staging", "1.5.0") == "Unlisted"
    exact(policy("promoter"), stand.needed())


def in_staging(stand: Stand) -> str:
    """Bring a version as far as staging, and approve it for prod; returns the force that skips its soak."""
    for environment in ("dev", "staging"):
        stand.apply(environment)
    digest = stand.approve("1.4.2")
    stand.forget()
    return f"{PACKAGE}@1.4.2={digest}"


def test_a_promoter_across_domains_needs_what_its_policy_allows(stand: Stand) -> None:
    forced = ("--force", in_staging(stand), "--reason", "a test does not wait")
    assert "refused[gate]" in stand.plan("prod", code=4).err
    with stand.untyped():
        assert "does not exist" in stand.plan("prod", code=4).err
    stand.begin("prod", "1.4.2", "payments-api-1.4.2-linux.tar.gz", b"built for linux")
    stand.apply("prod", *forced)
    assert "Nothing to do" in stand.apply("prod").out
    stand.declare("Archived")
    stand.apply("prod")
    assert stand.status("prod", "1.4.2") == "Archived"
    exact(policy("promoter-across-domains"), stand.needed())


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_reader_needs_what_its_policy_allows(stand: Stand) -> None:
    stand.ran("status", "release.yaml")
    nothing_there = stand.needed()
    forced = in_staging(stand)
    stand.plan("prod", code=4)
    refused = stand.needed()
    stand.apply("prod", "--force", forced, "--reason", "a test does not wait")
    stand.forget()
    stand.ran("status", "release.yaml", "--html", "status.html")
    for environment in ("dev", "staging", "prod"):
        stand.plan(environment, "--detailed-exitcode")
    with stand.untyped():
        stand.plan("staging", code=4)
        stand.plan("prod", code=4)
    exact(policy("reader"), nothing_there | refused | stand.needed())


# --- what takes more --------------------------------------------------------------------------------------------------


def given_up(stand: Stand, environment: str) -> str:
    return f"--replace={PACKAGE}@1.4.2={stand.digest(environment, '1.4.2')}"


@pytest.mark.parametrize("base", ["publisher", "publisher-last-asset"])
def test_a_replacement_deletes_on_top(stand: Stand, base: str) -> None:
    if base == "publisher-last-asset":
        stand.edit("dev: {", "dev: {finalize: last-asset, ")
    stand.apply("dev")
    stand.build("1.4.2", "built anew")
    stand.apply("dev", code=4)
    stand.apply("dev", given_up(stand, "dev"))
    on_top = missing(policy(base), stand.needed())
    # A replacement is always finished guarded, whatever the environment says.
    guarded = {"UpdatePackageVersionsStatus"} if base == "publisher-last-asset" else set()
    assert actions(on_top) == {"DeletePackageVersions"} | guarded
    exact(policy("replace-or-delete"), {need for need in on_top if need.action.endswith("DeletePackageVersions")})


def test_a_copy_that_replaces_deletes(stand: Stand) -> None:
    deletes = policy("replace-or-delete").at("acme/staging")
    for environment in ("dev", "staging"):
        stand.apply(environment)
    stand.build("1.4.2", "built anew")
    stand.apply("dev", given_up(stand, "dev"))
    stand.forget()
    stand.apply("staging", given_up(stand, "staging"))
    exact(deletes, missing(policy("promoter"), stand.needed()))

    stand.build("1.5.0")
    stand.apply("dev")
    stand.forget()
    stand.begin("staging", "1.5.0", "leftover", b"leftover")
    stand.apply("staging", f"--replace={PACKAGE}@1.5.0={stand.digest('staging', '1.5.0')}")
    exact(deletes, missing(policy("promoter"), stand.needed()))


def test_a_transfer_that_replaces_deletes(stand: Stand) -> None:
    forced = ("--force", in_staging(stand), "--reason", "a test does not wait")
    stand.begin("prod", "1.4.2", "leftover", b"leftover")
    stand.set_status("prod", "1.4.2", "Published")
    stand.apply("prod", *forced, given_up(stand, "prod"))
    on_top = missing(policy("promoter-across-domains"), stand.needed())
    exact(policy("replace-or-delete").at("acme-prod/releases"), on_top)
