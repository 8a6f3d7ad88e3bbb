"""Weather in a promotion: at the source, at the destination, and at both; it converges, and keeps to its rate."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli
from .stand import (
    DESTINATIONS,
    EVERYWHERE,
    PROMOTIONS,
    RELEASES,
    Registry,
    assert_never_half,
    assert_promoted,
    contents_of,
    make_project,
    profiles,
    promotion,
)

Rule = dict[str, Any]

FIVE = contents_of(5, 40_000, "weather")
PUBLISH = "PublishPackageVersion"
WRITES = [PUBLISH, "CopyPackageVersions", "UpdatePackageVersionsStatus"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("promotions") / "checkout", {}, PROMOTIONS)


WEATHER = [
    pytest.param([{"throttle": True, "probability": 0.3}], id="30 % throttled"),
    pytest.param([{"fail": "InternalServerException", "every": 5}, {"fail": 503, "every": 4}], id="server errors"),
    pytest.param([{"lose": True, "every": 2}], id="every second answer lost"),
    pytest.param([{"lose": True, "operations": WRITES, "first": 8}], id="eight answers to writes lost"),
    pytest.param([{"cut": "response", "probability": 0.3}], id="answers cut in their middle"),
    pytest.param([{"stall": 2, "every": 6}], id="stalls"),
    pytest.param([{"stale": 0.7, "probability": 0.5}], id="reads stale and fresh in turn"),
    pytest.param(
        [
            {"stale": 0.4, "probability": 0.5},
            {"lose": True, "operations": WRITES, "probability": 0.2},
            {"throttle": True, "probability": 0.15},
            {"cut": "response", "probability": 0.15},
        ],
        id="a storm",
    ),
]
if not EVERYWHERE:
    # The simulation has lost answers, conflicts and stale reads in every order.
    WEATHER = [
        each
        for each in WEATHER
        if each.id not in {"server errors", "eight answers to writes lost", "answers cut in their middle", "stalls"}
    ]


@pytest.mark.parametrize("rules", WEATHER)
def test_one_run_comes_through(
    rules: list[Rule],
    registry: Registry,
    checkout: Path,
    cli: Cli,
    tried: Counter[str],
    version: str,
    tmp_path: Path,
) -> None:
    """A copy, and beside it a transfer whose source and destination both misbehave."""

    def promote(environment: str, other: bool) -> Counter[str]:
        name = f"{version}-{environment}"
        registry.publish(name, FIVE)
        with registry.misbehaving(*rules, seed=1) as source, registry.misbehaving(*rules, seed=2) as to:
            servers = (to.server,) if environment == "copied" else (source.server, to.server)
            words = promotion(name, environment, *(server.url for server in servers))
            folder = tmp_path / environment
            folder.mkdir()
            run = cli.run(
                checkout,
                to.server,
                *words,
                other=other,
                AWS_SHARED_CREDENTIALS_FILE=profiles(folder, *servers),
                CODEARTIFACT_RELEASE_READ_TIMEOUT="0.7",
            )
            assert run.code == 0, run.said
            assert "Traceback" not in run.err
        assert_promoted(registry, name, FIVE, DESTINATIONS[environment])
        return source.faults.applied + to.faults.applied

    with ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(promote, "copied", False), pool.submit(promote, "transferred", True)]
        applied = sum((done.result() for done in under_way), Counter[str]())
    assert applied
    tried.update(applied)


def test_storms_that_no_single_run_survives_are_survived_by_repeating(
    registry: Registry, checkout: Path, cli: Cli, tried: Counter[str], version: str, tmp_path: Path
) -> None:
    rules: list[Rule] = [
        {"stale": 0.3, "probability": 0.5},
        {"fail": "ExpiredTokenException", "probability": 0.06},
        {"lose": True, "probability": 0.1},
        {"cut": "response", "probability": 0.1},
        {"cut": "request", "probability": 0.1},
        {"fail": 503, "probability": 0.1},
    ]
    registry.publish(version, FIVE)
    with registry.misbehaving(*rules, seed=5) as source, registry.misbehaving(*rules, seed=6) as to:
        words = promotion(version, "transferred", source.server.url, to.server.url)
        keys = profiles(tmp_path, source.server, to.server)
        for _ in range(20):
            run = cli.run(checkout, to.server, *words, AWS_SHARED_CREDENTIALS_FILE=keys, AWS_MAX_ATTEMPTS="2")
            # 2 where what stopped it were credentials that had expired.
            assert run.code in (0, 1) or (run.code == 2 and "error[expired-credentials]" in run.err), run.said
            assert "Traceback" not in run.err
            assert_never_half(*registry.held(version, at=RELEASES), FIVE)
            if run.code == 0:
                break
        else:
            pytest.fail(f"not converged: {run.said}")
        tried.update(source.faults.applied + to.faults.applied)
    assert_promoted(registry, version, FIVE, RELEASES)


def test_the_configured_rate_holds_for_what_is_promoted(
    registry: Registry, checkout: Path, cli: Cli, version: str, tmp_path: Path
) -> None:
    """A bucket of the same rate at the server never runs over."""
    contents = contents_of(14, 500, "many")
    registry.publish(version, contents)
    quota: Rule = {"throttle": {"rate": 6, "burst": 7}, "operations": [PUBLISH]}
    with registry.misbehaving(quota) as to:
        words = promotion(version, "transferred", registry.server.url, to.server.url)
        keys = profiles(tmp_path, registry.server, to.server)
        run = cli.run(checkout, to.server, *words, AWS_SHARED_CREDENTIALS_FILE=keys, CODEARTIFACT_RELEASE_RATE="6")
        assert run.code == 0, run.said
        assert to.faults.applied["throttle"] == 0
    assert_promoted(registry, version, contents, RELEASES)
