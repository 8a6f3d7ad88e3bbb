"""Weather: what networks and services do by themselves, between the command line and a registry that misbehaves."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli, both_ways
from .stand import (
    EVERYWHERE,
    LAST_ASSET,
    SEVEN,
    STATUS_UPDATE,
    Misbehaving,
    Registry,
    assert_never_half,
    assert_published,
    contents_of,
    make_project,
)

PUBLISH = "PublishPackageVersion"
FINALIZE = "UpdatePackageVersionsStatus"
READS = ["DescribePackageVersion", "ListPackageVersionAssets"]


def count(tried: Counter[str], server: Misbehaving) -> None:
    tried.update(server.faults.applied)


WEATHER = [
    pytest.param([{"throttle": True, "every": 4}], id="throttled"),
    pytest.param([{"throttle": {"retryAfter": 1}, "every": 4}], id="throttled with Retry-After"),
    pytest.param([{"fail": "InternalServerException", "every": 3}], id="server errors"),
    pytest.param([{"fail": 502, "every": 3}], id="load balancer errors"),
    pytest.param([{"cut": "before", "every": 3}], id="closed before the body"),
    pytest.param([{"cut": "request", "every": 3}], id="reset in the middle of a body"),
    pytest.param([{"lose": True, "every": 2}], id="every second answer lost"),
    pytest.param([{"lose": True, "operations": [PUBLISH], "first": 10}], id="ten answers to uploads lost"),
    pytest.param([{"lose": True, "operations": [FINALIZE]}], id="every answer to the finishing call lost"),
    pytest.param([{"lose": True, "operations": [PUBLISH], "after": 6, "first": 1}], id="the seventh answer lost"),
    pytest.param(
        [{"fail": "ConflictException", "operations": [PUBLISH], "every": 2}], id="parallel uploads in conflict"
    ),
    pytest.param([{"fail": "ConflictException", "operations": [FINALIZE], "first": 2}], id="finishing in conflict"),
    pytest.param([{"stale": 1}], id="stale reads"),
    pytest.param([{"stale": 1, "probability": 0.5}], id="reads stale and fresh in turn"),
    pytest.param(
        [
            {"stale": 0.5, "probability": 0.5},
            {"lose": True, "operations": [PUBLISH, FINALIZE], "probability": 0.2},
            {"throttle": True, "probability": 0.15},
            {"cut": "request", "probability": 0.15},
        ],
        id="a storm",
    ),
]
if not EVERYWHERE:
    # The simulation has lost answers, conflicts and stale reads in every order.
    WEATHER = [
        each
        for each in WEATHER
        if each.id
        not in {
            "throttled",
            "server errors",
            "closed before the body",
            "ten answers to uploads lost",
            "every answer to the finishing call lost",
            "the seventh answer lost",
            "finishing in conflict",
            "stale reads",
        }
    ]


@pytest.mark.parametrize("rules", WEATHER)
def test_one_run_comes_through(
    rules: list[dict[str, Any]], registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    def release(finalize: str, other: bool) -> Counter[str]:
        name = f"{version}-{finalize}"
        with registry.misbehaving(*rules) as server:
            run = cli.apply(seven, server.server, name, finalize, other=other)
            assert run.code == 0, run.said
            assert "Traceback" not in run.err
        assert_published(registry, name, SEVEN)
        return server.faults.applied

    applied = both_ways(release)
    assert applied
    tried.update(applied)


def test_answers_cut_in_their_middle_are_lost_answers_not_empty_ones(
    registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    """Half of a JSON document with status 200 is what boto3 takes for an answer without members."""

    def release(finalize: str, other: bool) -> Counter[str]:
        name = f"{version}-{finalize}"
        with registry.misbehaving({"cut": "response", "every": 3}) as server:
            run = cli.apply(seven, server.server, name, finalize, other=other)
        assert_never_half(*registry.held(name), SEVEN)
        assert run.code == 0, run.said
        assert_published(registry, name, SEVEN)
        return server.faults.applied

    tried.update(both_ways(release))


def test_a_cut_listing_of_a_published_version_is_not_a_conflict(
    registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    assert cli.apply(seven, registry.server, version).code == 0
    rule = {"cut": "response", "operations": ["ListPackageVersionAssets"], "first": 2}
    with registry.misbehaving(rule) as server:
        run = cli.apply(seven, server.server, version)
        count(tried, server)
    assert run.code == 0, run.said
    assert "refused" not in run.err


def test_stalled_answers_are_asked_for_again(
    registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    def release(finalize: str, other: bool) -> Counter[str]:
        name = f"{version}-{finalize}"
        with registry.misbehaving({"stall": 3, "every": 5}) as server:
            began = time.monotonic()
            run = cli.apply(seven, server.server, name, finalize, other=other, CODEARTIFACT_RELEASE_READ_TIMEOUT="0.5")
            assert run.code == 0, run.said
            assert time.monotonic() - began < 20
        assert_published(registry, name, SEVEN)
        return server.faults.applied

    tried.update(both_ways(release))


def test_a_dead_registry_is_one_error_within_the_timeouts(
    registry: Registry, seven: Path, cli: Cli, version: str
) -> None:
    with registry.misbehaving({"stall": 30}) as server:
        began = time.monotonic()
        run = cli.apply(seven, server.server, version, CODEARTIFACT_RELEASE_READ_TIMEOUT="0.2", AWS_MAX_ATTEMPTS="2")
        assert time.monotonic() - began < 10
    assert run.code == 1
    assert "error[unreachable]: DescribePackageVersion: no response from" in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize("sent", [1, 4])
def test_credentials_that_expire_between_assets_are_one_error_and_the_next_run_sends_the_rest(
    sent: int, registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    def release(finalize: str, other: bool) -> Counter[str]:
        name = f"{version}-{finalize}"
        with registry.misbehaving({"fail": "ExpiredTokenException", "after": 2 + sent}) as server:
            run = cli.apply(seven, server.server, name, finalize, other=other)
        assert run.code == 2, run.said
        assert run.err.count("error[") == 1
        assert "error[expired-credentials]: " in run.err
        assert "Log in again (" in run.err
        assert "Run again: only what is missing is sent." in run.err
        status, held = registry.held(name)
        assert (status, len(held)) == ("Unfinished", sent)
        since = len(registry.journal.entries)
        again = cli.apply(seven, registry.server, name, finalize, other=other)
        assert again.code == 0, again.said
        assert sorted(registry.journal.accepted(name, since)) == sorted(SEVEN.keys() - held.keys())
        assert_published(registry, name, SEVEN)
        return server.faults.applied

    tried.update(both_ways(release))


@pytest.mark.timeout(90)
@pytest.mark.parametrize("seed", range(4))
def test_storms_that_no_single_run_survives_are_survived_by_repeating(
    seed: int, registry: Registry, seven: Path, cli: Cli, tried: Counter[str], version: str
) -> None:
    rules: list[dict[str, Any]] = [
        {"stale": 0.3, "probability": 0.5},
        {"fail": "ExpiredTokenException", "probability": 0.06},
        {"lose": True, "probability": 0.15},
        {"cut": "request", "probability": 0.15},
        {"cut": "before", "probability": 0.15},
        {"fail": 503, "probability": 0.15},
    ]
    with registry.misbehaving(*rules, seed=seed) as server:
        for _ in range(15):
            run = cli.apply(seven, server.server, version, (STATUS_UPDATE, LAST_ASSET)[seed % 2], AWS_MAX_ATTEMPTS="2")
            # 2 where what stopped it were credentials that had expired.
            assert run.code in (0, 1) or (run.code == 2 and "error[expired-credentials]" in run.err), run.said
            assert "Traceback" not in run.err
            assert_never_half(*registry.held(version), SEVEN)
            if run.code == 0:
                break
        else:
            pytest.fail(f"not converged: {run.said}")
        count(tried, server)
    assert_published(registry, version, SEVEN)


# --- rates ------------------------------------------------------------------------------------------------------------

FOUR_PACKAGES = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
defaults: {namespace: acme, version: "${version}"}
packages:
  - {package: one, version: "${version}", assets: [dist/*]}
  - {package: two, version: "${version}", assets: [dist/*]}
  - {package: three, version: "${version}", assets: [dist/*]}
  - {package: four, version: "${version}", assets: [dist/*]}
environments:
  dev: {domain: acme, repository: dev}
""".replace(', version: "${version}"}\npackages', "}\npackages")


@pytest.mark.timeout(90)
def test_several_packages_come_through_one_quota(
    registry: Registry, cli: Cli, tried: Counter[str], version: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", SEVEN, FOUR_PACKAGES)
    with registry.misbehaving({"throttle": {"rate": 16, "burst": 4}, "operations": [PUBLISH]}) as server:
        run = cli.apply(project, server.server, version)
        assert run.code == 0, run.said
        count(tried, server)
    for package in ("one", "two", "three", "four"):
        assert_published(registry, version, SEVEN, package)


@pytest.mark.timeout(90)
def test_the_rate_is_one_for_the_whole_process_whatever_the_number_of_packages(
    registry: Registry, cli: Cli, version: str, tmp_path: Path
) -> None:
    """28 uploads of four packages at once: a bucket of the same rate at the server never runs over."""
    project = make_project(tmp_path / "project", SEVEN, FOUR_PACKAGES)
    quota = {"throttle": {"rate": 12, "burst": 14}, "operations": [PUBLISH]}
    with registry.misbehaving(quota) as server:
        began = time.monotonic()
        run = cli.apply(project, server.server, version, CODEARTIFACT_RELEASE_RATE="12")
        assert run.code == 0, run.said
        assert time.monotonic() - began >= (28 - 12) / 12
        assert server.faults.applied["throttle"] == 0
    for package in ("one", "two", "three", "four"):
        assert_published(registry, version, SEVEN, package)


def test_nothing_is_published_short_when_the_quota_of_assets_is_full(
    registry: Registry, cli: Cli, version: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", contents_of(3))
    rule = {"fail": "ServiceQuotaExceededException", "operations": [PUBLISH], "after": 2}
    with registry.misbehaving(rule) as server:
        run = cli.apply(project, server.server, version)
    assert run.code == 4
    assert "error[quota-exceeded]: PublishPackageVersion for " in run.err
    assert registry.held(version)[0] == "Unfinished"
