"""The audit record: an output, never an input."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pulumi_codeartifact_release.location import Location
from pulumi_codeartifact_release.plugin.audit import audit
from pulumi_codeartifact_release.plugin.state import (
    INPUTS,
    PROMOTION_INPUTS,
    Inputs,
    PromotionInputs,
    SourceInput,
    outputs,
)
from pulumi_codeartifact_release.publishing import checksums, digest
from pulumi_codeartifact_release.registry import Status, VersionState
from support.fakes import asset

ASSETS = {name: asset(name, name.encode()) for name in "ab"}
CHECKSUMS = checksums(ASSETS.values())
DIGEST = digest(ASSETS.values())
PUBLISHED = Inputs("acme", "app", "1.0", Location("acme", "dev", "111122223333", "eu-west-1", "publisher"), CHECKSUMS)
PROMOTED = PromotionInputs(
    "acme",
    "app",
    "1.0",
    Location("acme-prod", "releases", region="eu-west-1"),
    CHECKSUMS,
    source=SourceInput(Location("acme", "dev", "111122223333", "eu-west-1", "reader"), DIGEST, "r1"),
    soak="24h",
)
NOW = datetime(2026, 11, 22, 16, 0, 0, 999, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
BY = "arn:aws:iam::111122223333:user/releaser"


def told(inputs: Inputs = PROMOTED, revision: str = "r2", **more: Any) -> dict[str, Any]:
    return audit(inputs, revision, **{"how": "transferred", "caller": BY, "commit": "c0ffee", "now": NOW, **more})


def stored(inputs: Inputs, audit: dict[str, Any], revision: str = "r2") -> dict[str, Any]:
    """The outputs, as the next operation gets them."""
    return outputs(inputs, VersionState(inputs.status, revision), audit)


def test_the_audit_record_of_a_promotion_is_complete() -> None:
    assert told() == {
        "how": "transferred",
        "version": "1.0",
        "digest": DIGEST,
        "revision": "r2",
        "source": {
            "domain": "acme",
            "domain_owner": "111122223333",
            "repository": "dev",
            "region": "eu-west-1",
            "revision": "r1",
        },
        "destination": {"domain": "acme-prod", "repository": "releases", "region": "eu-west-1"},
        "at": "2026-11-22T16:00:00Z",
        "by": BY,
        "commit": "c0ffee",
    }


def test_a_published_version_has_no_source() -> None:
    found = told(PUBLISHED, how="published")
    assert "source" not in found
    assert found["how"] == "published"
    assert found["destination"] == {
        "domain": "acme",
        "domain_owner": "111122223333",
        "repository": "dev",
        "region": "eu-west-1",
    }


def test_unknown_values_are_omitted() -> None:
    found = told(caller=None, commit="")
    assert {"by", "commit", "forced"}.isdisjoint(found)
    # A promotion that was not judged, because it was made already, knows no revision of its source.
    unjudged = replace(PROMOTED, source=replace(PROMOTED.source, revision=None))
    assert "revision" not in told(unjudged, how="adopted")["source"]


def test_a_soak_that_was_skipped_is_kept_with_its_reason() -> None:
    assert told(forced="CVE-2026-1234")["forced"] == {"reason": "CVE-2026-1234"}


def test_the_time_is_in_utc() -> None:
    assert told(now=NOW.astimezone(timezone(timedelta(hours=9))))["at"] == "2026-11-22T16:00:00Z"
    before = datetime.now(UTC).replace(microsecond=0)
    at = datetime.fromisoformat(told(now=None)["at"])
    assert before <= at <= datetime.now(UTC)


def test_a_change_of_status_keeps_the_trail_and_is_noted_in_it() -> None:
    first = told(forced="CVE-2026-1234")
    archived = replace(PROMOTED, status=Status.ARCHIVED)
    changed = told(
        archived, "r3", how="status", caller="arn:other", commit="beef", before=stored(PROMOTED, first), now=LATER
    )
    assert changed == {
        **first,
        "revision": "r3",
        "changed": {"at": "2026-11-22T17:00:00Z", "by": "arn:other", "commit": "beef", "status": "Archived"},
    }
    # The next change takes the place of that one: the audit does not grow for ever.
    again = told(PROMOTED, "r4", how="status", before=stored(archived, changed, "r3"), now=LATER)
    assert again["changed"]["status"] == "Published"
    assert again["at"] == first["at"]


def test_a_record_without_caller_and_commit() -> None:
    changed = told(how="status", caller=None, commit="", before=stored(PROMOTED, told()), now=LATER)["changed"]
    assert changed == {"at": "2026-11-22T17:00:00Z", "status": "Published"}


@pytest.mark.parametrize(
    "other",
    [
        replace(PROMOTED, version="1.1"),
        replace(PROMOTED, location=replace(PROMOTED.location, repository="elsewhere")),
        replace(PROMOTED, location=replace(PROMOTED.location, domain="elsewhere")),
        replace(PROMOTED, location=replace(PROMOTED.location, domain_owner="999999999999")),
        replace(PROMOTED, location=replace(PROMOTED.location, region="us-east-1")),
        replace(PROMOTED, location=replace(PROMOTED.location, endpoint="file:.registry")),
        replace(PROMOTED, checksums=checksums([ASSETS["a"]])),
        replace(PROMOTED, checksums=checksums([asset("a", b"other"), ASSETS["b"]])),
    ],
    ids=["version", "repository", "domain", "owner", "region", "endpoint", "an asset fewer", "different bytes"],
)
def test_different_bytes_or_another_location_begin_a_new_audit_record(other: PromotionInputs) -> None:
    before = stored(PROMOTED, told(forced="CVE-2026-1234"))
    found = told(other, "r9", how="copied", commit="beef", before=before, now=LATER)
    assert found["at"] == "2026-11-22T17:00:00Z"
    assert (found["how"], found["commit"], found["revision"]) == ("copied", "beef", "r9")
    assert {"changed", "forced"}.isdisjoint(found)


def test_outputs_of_a_version_that_kept_no_trail_begin_one() -> None:
    before = outputs(PROMOTED, VersionState(Status.PUBLISHED, "r1"))
    assert "audit" not in before
    assert told(before=before) == told()


def test_the_trail_is_an_output_and_no_input() -> None:
    first = told(forced="CVE-2026-1234")
    props = stored(PROMOTED, first)
    assert props["audit"] == first
    assert "audit" not in PROMOTION_INPUTS
    assert "audit" not in INPUTS
    read = PromotionInputs.of(props)
    assert read == PROMOTED
    # Whoever runs it, from whatever commit: the inputs are the same, so nothing is a diff.
    assert read.properties() == PromotionInputs.of(stored(PROMOTED, told(commit="beef", caller=None))).properties()
    assert not {"audit", "at", "by", "commit"} & set(read.properties())


def test_the_trail_holds_no_profile_and_no_path() -> None:
    texts = str(told()) + str(told(PUBLISHED))
    assert "reader" not in texts
    assert "publisher" not in texts
    assert "/" not in texts.replace(BY, "")
