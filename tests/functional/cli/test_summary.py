"""`--summary FILE`, and the summary of a GitHub Actions job."""

from __future__ import annotations

import html
import os
import re
import stat
from pathlib import Path

import pytest

from pulumi_codeartifact_release.cli.views.markdown import _text, error_summary
from pulumi_codeartifact_release.errors import ConflictError, UsageError
from support.command_line import MANIFEST, Run

WORDS = ("release.yaml", "-e", "dev")
DIGEST = "sha256:b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be"
PLACE = "dev: file:.registry, account 000000000000, us-east-1, repository acme/dev"


def shown(markdown: str) -> str:
    """What a reader sees."""
    return html.unescape(markdown)


@pytest.fixture
def job(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GitHub Actions job, whose summary other steps have begun."""
    path = project / "job.md"
    path.write_text("# Built\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path


def test_a_plan_is_a_table_with_what_is_sent_and_its_digest(run: Run, project: Path) -> None:
    assert run("plan", *WORDS, "--summary", "plan.md").code == 0
    assert shown((project / "plan.md").read_text()) == (
        f"### Release plan: dev\n\n{PLACE}<br>\n\n"
        "| Package | Action | Send | Size | There | Digest |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        f"| acme/app@1.0 | publish | 2 | 97.7 KiB | 0 | {DIGEST} |\n\n"
        "**1 package to change: 2 assets to send, 97.7 KiB; 0 already there; 6 requests.**\n"
    )


def test_an_exclude_that_removes_nothing_is_noted(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("[dist/*]", '[{path: dist/*, exclude: ["**/.DS_Store"]}]'))
    note = "release.yaml:9:39: packages[0].assets[0].exclude[0]: `**/.DS_Store` excludes no file of `dist/*`"
    assert run("plan", *WORDS, "-v", "--summary", "plan.md").err == f"note: {note}\n"
    assert f"\n- {note}\n" in shown((project / "plan.md").read_text())
    assert run("plan", *WORDS).err == ""
    assert run("apply", *WORDS, "--yes", "--summary", "apply.md").err == ""
    assert f"\n- {note}\n" in shown((project / "apply.md").read_text())


def test_a_release_shows_the_result_of_each_package(run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes", "--summary", "apply.md").code == 0
    assert shown((project / "apply.md").read_text()) == (
        f"### Release: dev\n\n{PLACE}<br>\n\n"
        "| Package | Result | Digest |\n"
        "| --- | --- | --- |\n"
        f"| acme/app@1.0 | Published: sent 2 assets, 97.7 KiB; 0 already there | {DIGEST} |\n\n"
        "**1 of 1 package released.**\n"
    )


def test_a_refusal_is_complete(run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    (project / "dist" / "a.txt").write_text("HELLO\n")
    outcome = run("apply", *WORDS, "--yes", "--summary", "apply.md")
    assert outcome.code == 4
    told = (project / "apply.md").read_text()
    assert "| acme/app@1.0 | refused |" in shown(told)
    block = re.findall(r"\*\*conflict\*\*\n\n```text\n(.*?)\n```\n", told, flags=re.DOTALL)
    assert len(block) == 1
    assert block[0] in outcome.err


def test_a_verification_has_the_printed_text(run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    outcome = run("verify", *WORDS, "--summary", "verify.md")
    told = shown((project / "verify.md").read_text())
    assert told == f"### Verification: release.yaml\n\n```text\n{outcome.out.rsplit(chr(10), 2)[0]}\n```\n\n" + (
        f"**{outcome.out.splitlines()[-1]}**\n"
    )
    (project / "dist" / "a.txt").write_text("HELLO\n")
    assert run("verify", *WORDS, "--summary", "verify.md").code == 4
    assert "**acme/app@1.0 differs**" in shown((project / "verify.md").read_text())


def test_a_failure_gets_a_summary(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("domain: acme,", "domian: acme,"))
    assert run("plan", *WORDS, "--summary", "plan.md").code == 2
    assert "did you mean `domain`?" in (project / "plan.md").read_text()


def test_github_actions_gets_the_summary_without_an_option(run: Run, job: Path) -> None:
    assert run("plan", *WORDS).code == 0
    assert run("apply", *WORDS, "--yes").code == 0
    told = job.read_text()
    assert told.startswith("# Built\n### Release plan: dev\n")
    assert "### Release: dev\n" in told
    assert run("apply", *WORDS, "--yes").code == 0
    assert "Nothing to do" in job.read_text().removeprefix(told)


def test_no_summary_leaves_the_job_summary_unchanged(run: Run, job: Path) -> None:
    assert run("plan", *WORDS, "--no-summary", "--summary", "plan.md").code == 0
    assert job.read_text() == "# Built\n"
    assert job.with_name("plan.md").exists()


@pytest.mark.parametrize("words", [(), ("--no-summary",)])
@pytest.mark.parametrize("actions", ["true", ""])
def test_the_summary_of_the_job_is_appended_once(
    run: Run, job: Path, monkeypatch: pytest.MonkeyPatch, actions: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", actions)
    assert run("plan", *WORDS, *words, "--summary", "./dist/../job.md").code == 0
    told = job.read_text()
    assert told.startswith("# Built\n### Release plan: dev\n")
    assert told.count("### Release plan: dev\n") == 1
    job.unlink()
    assert run("plan", *WORDS, *words, "--summary", str(job)).code == 0
    assert job.read_text().count("### Release plan: dev\n") == 1


def test_outside_github_actions_nothing_is_written(run: Run, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    assert run("plan", *WORDS).code == 0
    assert job.read_text() == "# Built\n"


def test_a_job_without_a_summary_is_a_warning(run: Run, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job.parent / "no" / "folder"))
    outcome = run("apply", *WORDS, "--yes")
    assert outcome.code == 0
    assert (
        f"warning: the job's summary: {job.parent}/no/folder cannot be written: No such file or directory"
        in outcome.err
    )


def test_an_unwritable_file_is_refused_before_anything_is_sent(run: Run, project: Path) -> None:
    outcome = run("apply", *WORDS, "--yes", "--summary", "no/folder.md")
    assert outcome.code == 2
    assert outcome.err == (
        "error[usage]: no/folder.md cannot be written: its folder does not exist or is not writable\n"
        "Choose another file for --summary.\n"
    )
    assert not (project / ".registry").exists()


@pytest.mark.parametrize("words", [["--summary", "release.yaml"], ["-o", "release.yaml"], ["-o", "./link.yaml"]])
def test_the_manifest_is_not_overwritten(run: Run, project: Path, words: list[str]) -> None:
    (project / "link.yaml").symlink_to("release.yaml")
    before = (project / "release.yaml").read_bytes()
    outcome = run("plan", *WORDS, *words)
    assert outcome.code == 2
    assert f"error[usage]: {words[0]} {Path(words[1])} is the manifest" in outcome.err
    assert (project / "release.yaml").read_bytes() == before


def test_no_output_overwrites_another_output_or_an_input(run: Run, project: Path) -> None:
    outcome = run("plan", *WORDS, "-o", "x.json", "--summary", "x.json")
    assert (outcome.code, "--summary x.json is the plan" in outcome.err) == (2, True)
    assert run("plan", *WORDS, "-o", "x.json").code == 0
    before = (project / "release.yaml").read_bytes()
    outcome = run("apply", "--plan", "x.json", "--summary", "release.yaml")
    assert (outcome.code, "--summary release.yaml is the manifest" in outcome.err) == (2, True)
    assert (project / "release.yaml").read_bytes() == before
    assert run("plan", *WORDS, "-o", "-").code == 2
    assert not (project / "-").exists()


def test_special_files_are_not_replaced(run: Run, project: Path) -> None:
    os.mkfifo(project / "pipe")
    reader = os.open(project / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run("plan", *WORDS, "--summary", "pipe").code == 0
    assert os.read(reader, 100).startswith(b"### Release plan")
    os.close(reader)
    assert stat.S_ISFIFO((project / "pipe").stat().st_mode)
    assert run("plan", *WORDS, "--summary", "/dev/null").code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_summary_that_fails_at_the_end_is_only_a_warning(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_words: object, **_more: object) -> None:
        raise UsageError("apply.md cannot be written: No space left on device")

    monkeypatch.setattr("pulumi_codeartifact_release.cli.summary.write_atomically", full)
    outcome = run("apply", *WORDS, "--yes", "--summary", "apply.md")
    assert (outcome.code, outcome.err) == (0, "warning: apply.md cannot be written: No space left on device\n")
    (project / "dist" / "a.txt").write_text("HELLO\n")
    assert run("apply", *WORDS, "--yes", "--summary", "apply.md").code == 4


def test_the_previous_summary_stays_until_the_new_one_is_complete(run: Run, project: Path) -> None:
    (project / "plan.md").write_text("the one before")
    assert run("plan", "missing.yaml", "-e", "dev", "--summary", "dist").code == 2
    assert (project / "plan.md").read_text() == "the one before"
    assert (project / "dist").is_dir()


@pytest.mark.slow
def test_many_packages_are_cut_and_counted(run: Run, project: Path) -> None:
    packages = "".join(f"  - {{package: p{number}, version: '1', assets: [dist/a.txt]}}\n" for number in range(510))
    (project / "release.yaml").write_text(MANIFEST.replace("environments:", packages + "environments:"))
    assert run("plan", *WORDS, "--summary", "plan.md").code == 0
    told = (project / "plan.md").read_text()
    assert told.count("| publish |") == 500
    assert "… and 11 more." in told


def test_no_name_is_markdown_or_html() -> None:
    nasty = "a|b<script>`x`[link](http://x)**bold**_i_\n# @team ![](x) \x1b[31m"
    told = _text(nasty)
    assert not set("|<>`[]()*_#@!\n\x1b") & set(told.replace("&#", ""))
    assert "&#124;" in told


def test_no_text_can_end_its_block() -> None:
    told = error_summary(ConflictError("a\n```\n# out\n````\nb"))
    fence = told.split("\n")[2].removesuffix("text")
    assert fence == "`" * 5
    assert told.count(fence) == 2
