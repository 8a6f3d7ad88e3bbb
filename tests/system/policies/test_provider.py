"""Under Pulumi the same policies do: the plugin asks for what the command line does, and for retirement more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release.plugin.declaration import Declaration
from system.provider.plugin import PICKLE, PROMOTION_PICKLE, PROMOTION_URN, URN, Engine, Plugin

from .conftest import PACKAGE, PLACES, Stand
from .iam import Need, missing, policy
from .test_policies import actions, exact


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@contextmanager
def plugin(stand: Stand, engine: Engine, *, promotes: bool = False, **environ: str) -> Iterator[Plugin]:
    pickle, urn = (PROMOTION_PICKLE, PROMOTION_URN) if promotes else (PICKLE, URN)
    with Plugin(stand.folder, engine, {**stand.environ, **environ}, pickle=pickle, urn=urn) as plugin:
        plugin.configure()
        yield plugin


def news(stand: Stand, environment: str, version: str, *, dry_run: bool = False, **inputs: Any) -> dict[str, Any]:
    """Inputs as a program sends them: of a publication where they name files, else of a promotion."""
    namespace, _, package = PACKAGE.partition("/")
    domain, repository = PLACES[environment]
    declaration = Declaration(
        files={path.parent.name: str(path) for path in sorted(Path("dist").absolute().rglob("*.gz"))},
        base=str(stand.folder),
        allow=frozenset(("endpoint", "delete")),
        urn=PROMOTION_URN if "source" in inputs else URN,
        dry_run=dry_run,
        repository_exists=True,
    )
    place = {"domain": domain, "repository": repository, "status": "Published"}
    named = {"namespace": namespace, "package": package, "version": version}
    return {**named, **place, "declaration": declaration.text(), **inputs}


def test_an_up_needs_no_more_than_the_policy_of_a_publisher(stand: Stand, engine: Engine) -> None:
    with plugin(stand, engine) as up:
        up.checked({}, news(stand, "dev", "1.4.2", dry_run=True))
        before = up.create(up.checked({}, news(stand, "dev", "1.4.2")))
    with plugin(stand, engine) as up:
        up.update(before, up.checked(before, news(stand, "dev", "1.5.0", on_supersede="archive")))
    assert (stand.status("dev", "1.4.2"), stand.status("dev", "1.5.0")) == ("Archived", "Published")
    assert missing(policy("publisher"), stand.needed()) == set()
    assert "UpdatePackageVersionsStatus" in actions(stand.needed())


@pytest.mark.parametrize("target", ["staging", "prod"])
def test_a_promotion_needs_no_more_than_the_policy_of_a_promoter(stand: Stand, engine: Engine, target: str) -> None:
    stand.apply("dev")
    if target == "prod":
        stand.apply("staging")
    stand.forget()
    source = dict(zip(("domain", "repository"), PLACES["dev" if target == "staging" else "staging"], strict=True))
    with plugin(stand, engine, promotes=True) as up:
        up.create(up.checked({}, news(stand, target, "1.4.2", source=source, on_destroy="archive")))
    assert stand.status(target, "1.4.2") == "Published"
    done = {"staging": "CopyPackageVersions", "prod": "PublishPackageVersion"}[target]
    assert done in actions(stand.needed())
    allowed = policy({"staging": "promoter", "prod": "promoter-across-domains"}[target])
    assert missing(allowed, stand.needed()) == set()


def test_a_preview_and_a_refresh_need_no_more_than_the_policy_of_a_reader(stand: Stand, engine: Engine) -> None:
    with plugin(stand, engine) as up:
        outputs = up.create(up.checked({}, news(stand, "dev", "1.4.2")))
    stand.apply("staging")
    stand.set_status("dev", "1.4.2", "Unlisted")
    stand.forget()
    stand.build("1.5.0", "built anew")
    with plugin(stand, engine) as preview:
        # The first is what `pulumi refresh` does, in a process of its own.
        assert preview.read(outputs)["properties"]["status"] == "Unlisted"
        preview.checked({}, news(stand, "dev", "1.5.0", dry_run=True))
        assert "failures" in preview.check({}, news(stand, "dev", "1.4.2", dry_run=True))
    with plugin(stand, engine, promotes=True) as preview:
        source = {"domain": "acme", "repository": "staging"}
        preview.checked({}, news(stand, "prod", "1.4.2", dry_run=True, source=source))
    assert missing(policy("reader"), stand.needed()) == set()
    # The list of versions is for the status page alone.
    assert actions(stand.needed()) == {"DescribePackageVersion", "ListPackageVersionAssets"}


def test_a_destroy_needs_on_top_what_it_loses(stand: Stand, engine: Engine) -> None:
    policies = {"1.0.0": "unlist", "1.1.0": "archive", "1.2.0": "delete", "1.3.0": "dispose"}
    with plugin(stand, engine) as up:
        checked = {
            version: up.checked({}, news(stand, "dev", version, on_destroy=policies[version])) for version in policies
        }
        outputs = {policies[version]: up.create(inputs) for version, inputs in checked.items()}
    needed: dict[str, set[Need]] = {}
    with plugin(stand, engine, CODEARTIFACT_RELEASE_ALLOW="delete") as destroy:
        for on_destroy, properties in outputs.items():
            stand.forget()
            destroy.call("Delete", {"id": PACKAGE, "urn": URN, "properties": properties})
            needed[on_destroy] = stand.needed()
    for keeping in ("unlist", "archive"):
        assert missing(policy("publisher"), needed[keeping]) == set()
        assert actions(missing(policy("publisher-last-asset"), needed[keeping])) == {"UpdatePackageVersionsStatus"}
    exact(policy("replace-or-delete"), missing(policy("publisher"), needed["delete"]))
    exact(policy("dispose"), missing(policy("publisher"), needed["dispose"]))


def test_nothing_but_the_policies_of_replacement_and_disposal_can_lose_bytes() -> None:
    names = ("publisher", "publisher-last-asset", "promoter", "promoter-across-domains", "reader")
    for name in names:
        granted = {grant.action.removeprefix("codeartifact:") for grant in policy(name).grants}
        assert not granted & {"DeletePackageVersions", "DisposePackageVersions"}, name
        if name == "reader":
            assert all(action.startswith(("Describe", "List")) for action in granted)
