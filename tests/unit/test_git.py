"""The commit and the remote of a checkout: read without running git, and never anything but a hash and a URL."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pulumi_codeartifact_release.git import commit_of, remote_of

SHA = "c0ffee" + "0" * 34
CI = {"GITHUB_SHA": SHA}


@pytest.fixture(autouse=True)
def _no_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


def git(folder: Path, *words: str) -> str:
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.test", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", "-C", str(folder), *settings, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if not shutil.which("git"):
        pytest.skip("git is not on this machine")
    folder = tmp_path / "checkout"
    (folder / "below").mkdir(parents=True)
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "first")
    return folder


def head(folder: Path) -> str:
    commit = git(folder, "rev-parse", "HEAD")
    assert len(commit) in (40, 64)
    return commit


def test_the_commit_is_that_of_the_folder(checkout: Path) -> None:
    assert commit_of(checkout, CI) == commit_of(checkout / "below", {}) == head(checkout)


def test_a_detached_head_is_a_commit_too(checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "--detach")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "second")
    assert commit_of(checkout, CI) == head(checkout)


def test_a_branch_may_be_packed_and_its_name_anything(checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "-b", "feature/übung-1.2+x")
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git" / "refs" / "heads" / "feature").exists()
    assert commit_of(checkout, {}) == head(checkout)


def test_a_loose_ref_goes_before_a_packed_one(checkout: Path) -> None:
    git(checkout, "pack-refs", "--all")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "second")
    assert commit_of(checkout, {}) == head(checkout)


def test_a_repository_of_sha256_has_longer_ones(tmp_path: Path, checkout: Path) -> None:
    folder = tmp_path / "longer"
    folder.mkdir()
    git(folder, "init", "--quiet", "--object-format=sha256")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "first")
    assert len(head(folder)) == 64
    assert commit_of(folder, CI) == head(folder)


@pytest.mark.parametrize("pack", [True, False])
def test_a_worktree_has_its_own_head(tmp_path: Path, checkout: Path, pack: bool) -> None:
    git(checkout, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "--quiet", "--allow-empty", "-m", "second")
    if pack:
        git(checkout, "pack-refs", "--all")
    assert head(tmp_path / "tree") != head(checkout)
    assert commit_of(tmp_path / "tree", CI) == head(tmp_path / "tree")


def test_a_submodule_is_a_separate_checkout(tmp_path: Path, checkout: Path) -> None:
    around = tmp_path / "around"
    around.mkdir()
    git(around, "init", "--quiet")
    git(around, "submodule", "--quiet", "add", str(checkout), "libs/inner")
    git(around, "commit", "--quiet", "-m", "first")
    git(around, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    git(tmp_path / "tree", "submodule", "--quiet", "update", "--init")
    for folder in (around / "libs" / "inner", tmp_path / "tree" / "libs" / "inner"):
        assert commit_of(folder, CI) == head(folder) == head(checkout)


def test_a_checkout_without_a_commit_is_as_good_as_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert commit_of(tmp_path, CI) == SHA
    assert commit_of(tmp_path, {}) == ""


@pytest.mark.parametrize("name", ["GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT", "BUILDKITE_COMMIT", "CIRCLE_SHA1"])
def test_outside_a_checkout_the_commit_comes_from_ci(tmp_path: Path, name: str) -> None:
    assert commit_of(tmp_path, {name: SHA, "SHA": "no"}) == SHA
    assert commit_of(tmp_path, {name: ""}) == ""
    assert commit_of(tmp_path / "no such folder", {name: SHA}) == SHA


@pytest.mark.parametrize("text", ["HEAD", "c0ffee", SHA + "\n", SHA.upper(), "g" * 40, "0" * 41, f"{SHA}-dirty"])
def test_text_that_is_not_a_hash_is_not_a_commit(tmp_path: Path, text: str) -> None:
    assert commit_of(tmp_path, {"GITHUB_SHA": text}) == ""
    assert commit_of(tmp_path, {"GITHUB_SHA": text, "CI_COMMIT_SHA": SHA}) == SHA


def test_no_program_is_started(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = head(checkout)

    def start(*_words: object, **_options: object) -> None:
        raise AssertionError("a program was started")

    for name in ("Popen", "run"):
        monkeypatch.setattr(subprocess, name, start)
    monkeypatch.setattr(os, "posix_spawn", start)
    monkeypatch.setattr(os, "fork", start)
    assert commit_of(checkout, {}) == expected


# --- a checkout that somebody hostile has made ------------------------------------------------------------------------


def test_a_folder_that_poses_as_a_bare_repository_is_none(tmp_path: Path) -> None:
    (tmp_path / "refs").mkdir()
    (tmp_path / "objects").mkdir()
    (tmp_path / "HEAD").write_text("d" * 40)
    assert commit_of(tmp_path, CI) == SHA


SECRET = "d" * 40


@pytest.mark.parametrize(
    "text",
    [
        "ref: ../../secret",
        "ref: refs/../../../secret",
        "ref: refs/heads/../../../secret",
        "ref: /etc/hostname",
        "ref: refs/heads/./x",
        "ref: refs//secret",
        "ref: refs/heads/.hidden",
        "ref: refs/heads/a\nb",
        "ref: refs/heads/linked",
        "ref: refs/linked/secret",
        "ref: refs/heads/loop",
        "ref: refs/heads/text",
        "ref: refs/heads/long",
        "ref: refs/heads/pipe",
        "ref: refs/heads",
        "ref: refs/" + "a/" * 10_000 + "a",
        "\udcff",
        "",
        SECRET + "x",
        SECRET + "\n\n",
    ],
)
def test_nothing_but_a_hash_in_the_repository_leaves_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text(SECRET)
    folder = tmp_path / "checkout"
    heads = folder / ".git" / "refs" / "heads"
    heads.mkdir(parents=True)
    (heads / "linked").symlink_to(tmp_path / "secret")
    (heads.parent / "linked").symlink_to(tmp_path)
    (heads / "loop").write_text("ref: refs/heads/loop\n")
    (heads / "text").write_text("a password\n")
    (heads / "long").write_text("d" * 100_000)
    os.mkfifo(heads / "pipe")
    (folder / ".git" / "HEAD").write_text(text, errors="surrogateescape")
    began = time.monotonic()
    assert commit_of(folder, CI) == SHA
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "huge"])
def test_a_head_that_is_not_a_small_file_is_ignored(tmp_path: Path, what: str) -> None:
    (tmp_path / "secret").write_text(SECRET)
    place = tmp_path / "checkout" / ".git" / "HEAD"
    place.parent.mkdir(parents=True)
    match what:
        case "link":
            place.symlink_to(tmp_path / "secret")
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case "huge":
            with place.open("w") as file:
                file.truncate(1 << 40)
    assert commit_of(tmp_path / "checkout", CI) == SHA


def test_a_repository_that_is_a_link_is_none(tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".git").symlink_to(checkout / ".git")
    assert commit_of(tmp_path / "other", CI) == SHA


@pytest.mark.parametrize("where", ["../checkout/.git", "/etc", "/dev", "\0", "x" * 3000, "../../../../../../proc/self"])
def test_a_repository_that_does_not_know_the_checkout_is_not_its(tmp_path: Path, checkout: Path, where: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {where}\n")
    assert commit_of(other, CI) == SHA


def test_a_repository_has_no_common_folder_but_the_one_that_it_is_in(tmp_path: Path, checkout: Path) -> None:
    folder = tmp_path / "other" / ".git"
    folder.mkdir(parents=True)
    branch = git(checkout, "symbolic-ref", "HEAD")
    (folder / "HEAD").write_text(f"ref: {branch}\n")
    (folder / "commondir").write_text(f"{checkout}/.git\n")
    assert commit_of(folder.parent, CI) == SHA


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_git_folder_of_another_user_is_ignored(tmp_path: Path, checkout: Path) -> None:
    work = checkout / "below"
    assert commit_of(work, CI) == head(checkout)
    shared = tmp_path / "shared"
    shutil.copytree(checkout, shared)
    os.chown(shared / ".git", 12345, 12345)
    assert commit_of(shared / "below", CI) == SHA
    # A container runs as another user than who checked out.
    os.chown(shared, 12345, 12345)
    assert commit_of(shared, CI) == head(checkout)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/acme/app.git", "https://github.com/acme/app.git"),
        ("https://user:secret@github.com/acme/app", "https://github.com/acme/app"),
        ("git@github.com:acme/app.git", "git@github.com:acme/app.git"),
        ("ssh://git@host.test:22/acme/app", "ssh://git@host.test:22/acme/app"),
        ("/srv/app", ""),
        ("ext::sh -c id", ""),
        ("https://github.com/acme/$(id)", ""),
    ],
)
def test_the_remote_is_a_url_or_nothing(checkout: Path, url: str, expected: str) -> None:
    git(checkout, "remote", "add", "other", "https://github.com/other/app")
    git(checkout, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    git(checkout, "config", "remote.origin.url", url)
    assert remote_of(checkout) == remote_of(checkout / "below") == expected


def test_the_remote_of_a_worktree(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "remote", "add", "origin", "https://github.com/acme/app")
    git(checkout, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert remote_of(tmp_path / "tree") == "https://github.com/acme/app"


def test_a_config_that_is_a_link_names_no_remote(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "remote", "add", "origin", "https://github.com/acme/app")
    (checkout / ".git" / "config").rename(tmp_path / "config")
    (checkout / ".git" / "config").symlink_to(tmp_path / "config")
    assert remote_of(checkout) == ""
    assert remote_of(tmp_path) == ""
