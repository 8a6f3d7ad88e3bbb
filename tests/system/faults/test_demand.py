"""What breaks for the users of other tools, by its number in the list of demands, through the command line.

What only Pulumi can show of 2, 5 and 6 (state lost, destroy and refresh) is in tests/system/engine/test_engine.py; 7 is
tests/system/provider/test_older_state.py and tests/system/engine/test_older_state.py; 9 is test_demand_large.py.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from .conftest import Cli, apply_words, both_ways
from .proxy import AFTER, BEFORE, Proxy
from .stand import (
    LAST_ASSET,
    SEVEN,
    STATUS_UPDATE,
    Registry,
    Run,
    assert_never_half,
    assert_published,
    contents_of,
    hashes_of,
    make_project,
)

PUBLISH = "PublishPackageVersion"

BOTH = pytest.mark.parametrize("finalize", [STATUS_UPDATE, LAST_ASSET])


@BOTH
def test_1_killed_after_3_of_7_uploads_the_next_run_elsewhere_sends_exactly_4_then_publishes(
    finalize: str, registry: Registry, seven: Path, cli: Cli, version: str, tried: Counter[str], tmp_path: Path
) -> None:
    with Proxy(registry.server.host, registry.server.port) as proxy:
        runs: list[Run] = []

        def third_upload_is_answered() -> None:
            status, held = registry.held(version)
            assert_never_half(status, held, SEVEN)
            if len(held) == 3:
                runs[0].kill()

        proxy.observe = third_upload_is_answered
        # One upload a second, so that none is under way when the third is answered.
        runs.append(
            cli.start(
                seven, registry.server, *apply_words(version, finalize), url=proxy.url, CODEARTIFACT_RELEASE_RATE="1"
            )
        )
        assert runs[0].wait() == -9, runs[0].said
        proxy.observe = lambda: assert_never_half(*registry.held(version), SEVEN)
        proxy.reset()
        assert len(registry.held(version)[1]) == 3
        # Another machine: another checkout, no cache, no memory.
        elsewhere = shutil.copytree(seven, tmp_path / "elsewhere" / "checkout")
        since = len(registry.journal.entries)
        again = cli.start(
            elsewhere,
            registry.server,
            *apply_words(version, finalize),
            url=proxy.url,
            CODEARTIFACT_RELEASE_CACHE=str(tmp_path / "no cache"),
        )
        assert again.wait() == 0, again.said
        assert proxy.failures == []
    assert len(registry.journal.accepted(version, since)) == 4
    assert_published(registry, version, SEVEN)
    tried["kills at a request"] += 1


@BOTH
def test_2_an_identical_published_version_is_a_success_without_a_write(
    finalize: str, registry: Registry, seven: Path, cli: Cli, version: str, tmp_path: Path
) -> None:
    assert cli.apply(seven, registry.server, version).code == 0
    since = len(registry.journal.entries)
    fresh = shutil.copytree(seven, tmp_path / "fresh")
    run = cli.apply(fresh, registry.server, version, finalize, CODEARTIFACT_RELEASE_CACHE=str(tmp_path / "no cache"))
    assert run.code == 0, run.said
    assert "Nothing to do: 1 package published and unchanged." in run.out
    assert registry.journal.writes(since) == []


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_3_rebuilt_bytes_under_a_published_version_are_refused_by_name_and_both_hashes(
    command: str, registry: Registry, seven: Path, cli: Cli, version: str, tmp_path: Path
) -> None:
    assert cli.apply(seven, registry.server, version).code == 0
    before = registry.held(version)
    since = len(registry.journal.entries)
    rebuilt = {**SEVEN, "asset-003.bin": b"rebuilt"}
    project = make_project(tmp_path / "rebuilt", rebuilt)
    words = [command, "release.yaml", "-e", "dev", "--var", f"version={version}"]
    run = cli.run(project, registry.server, *words, *(["--yes"] if command == "apply" else []))
    assert run.code == 4, run.said
    for contents in (SEVEN, rebuilt):
        assert hashes_of(contents)["asset-003.bin"] in run.err
    assert "refused[conflict]" in run.err
    assert "asset-003.bin" in run.err
    assert "asset-002.bin" not in run.err
    assert registry.journal.writes(since) == []
    assert registry.held(version) == before


@BOTH
@pytest.mark.parametrize("committed", [AFTER, BEFORE], ids=["answer lost", "runner won"])
def test_4_a_lost_answer_or_a_parallel_runner_that_won_is_settled_by_reading(
    committed: str, finalize: str, registry: Registry, seven: Path, cli: Cli, version: str, tried: Counter[str]
) -> None:
    """At the first upload, at another, and at the last writing call."""
    for number in (3, 6, 11) if finalize == STATUS_UPDATE else (3, 10):
        name = f"{version}-{number}"
        with Proxy(registry.server.host, registry.server.port) as proxy:

            def rival(name: str = name) -> None:
                if committed == BEFORE:
                    run = cli.start(seven, registry.server, *apply_words(name, finalize), other=True)
                    assert run.wait() == 0, run.said

            proxy.arm(number, committed, rival)
            # A single attempt: it is not the client library's second one that finds the work done.
            run = cli.start(seven, registry.server, *apply_words(name, finalize), url=proxy.url, AWS_MAX_ATTEMPTS="1")
            assert run.wait() == 0, run.said
            assert not proxy.armed
        assert_published(registry, name, SEVEN)
        tried["answers lost or races lost"] += 1


def test_5_after_a_bump_both_versions_still_download(
    registry: Registry, seven: Path, cli: Cli, version: str, tmp_path: Path
) -> None:
    assert cli.apply(seven, registry.server, version).code == 0
    second = {**SEVEN, "asset-000.bin": b"second"}
    run = cli.apply(make_project(tmp_path / "second", second), registry.server, f"{version}.1")
    assert run.code == 0, run.said
    for name, contents in ((version, SEVEN), (f"{version}.1", second)):
        assert_published(registry, name, contents)
        for asset, content in contents.items():
            got = registry.client.get_package_version_asset(
                domain="acme",
                repository="dev",
                format="generic",
                namespace="acme",
                package="app",
                packageVersion=name,
                asset=asset,
            )
            with got["asset"] as body:
                assert body.read() == content


def test_6_other_paths_on_another_machine_are_no_difference(
    registry: Registry, seven: Path, cli: Cli, version: str, tmp_path: Path
) -> None:
    assert cli.apply(seven, registry.server, version).code == 0
    since = len(registry.journal.entries)
    elsewhere = shutil.copytree(seven, tmp_path / "quite" / "elsewhere")
    for path in (elsewhere / "dist").iterdir():
        path.touch()
        path.chmod(0o600)
    words = ["plan", "release.yaml", "-e", "dev", "--detailed-exitcode", "--var", f"version={version}"]
    plan = cli.run(elsewhere, registry.server, *words, CODEARTIFACT_RELEASE_CACHE=str(tmp_path / "no cache"))
    assert plan.code == 0, plan.said
    assert registry.journal.writes(since) == []


@pytest.mark.timeout(220)
def test_8_150_assets_with_30_percent_throttled_all_succeed_and_none_is_sent_twice(
    registry: Registry, cli: Cli, version: str, tried: Counter[str], tmp_path: Path
) -> None:
    """With Retry-After, and without, side by side."""
    contents = contents_of(150, 500, "many")
    project = make_project(tmp_path / "project", contents)

    def release(finalize: str, other: bool) -> Counter[str]:
        name = f"{version}-{finalize}"
        throttle = {"retryAfter": 1} if other else True
        with registry.misbehaving({"throttle": throttle, "probability": 0.3}) as server:
            run = cli.start(project, server.server, *apply_words(name, finalize), other=other)
            # About 70 seconds; longer by chance.
            assert run.wait(150) == 0, run.said
            assert server.faults.applied["throttle"] > 30
        accepted = registry.journal.accepted(name)
        assert len(accepted) == len(set(accepted)) == 150
        assert_published(registry, name, contents)
        return server.faults.applied

    tried.update(both_ways(release))


def test_8_the_configured_rate_is_never_passed_by_what_is_sent_again_either(
    registry: Registry, cli: Cli, version: str, tried: Counter[str], tmp_path: Path
) -> None:
    """Every request counts against a quota, throttled or not: a second's worth at once, then so many a second."""
    contents, rate = contents_of(14, 500, "many"), 6
    project = make_project(tmp_path / "project", contents)
    with registry.misbehaving({"throttle": True, "every": 3}) as server:
        run = cli.apply(project, server.server, version, CODEARTIFACT_RELEASE_RATE=str(rate))
        assert run.code == 0, run.said
        tried.update(server.faults.applied)
    assert_published(registry, version, contents)
    times = registry.journal.uploads_at(version)
    worst = max(
        last - first + 1 - rate * (times[last] - times[first] + 1)
        for first in range(len(times))
        for last in range(first, len(times))
    )
    assert worst <= rate * 0.1, f"{worst:.0f} requests more than the rate allows"
