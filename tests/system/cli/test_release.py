"""`plan` and `apply` on an embedded registry: what they print, what they do, and how they exit."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pulumi_codeartifact_release.cli.apply import _raise_all
from pulumi_codeartifact_release.errors import AccessDeniedError, InterruptedReleaseError, QuotaExceededError
from support.command_line import MANIFEST, Run

HEADER = "dev: file:.registry, account 000000000000, us-east-1, repository acme/dev\n"
COMMAND = str(Path(sys.executable).with_name("codeartifact-release"))


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def test_a_plan_says_where_to_and_what_and_writes_nothing(run: Run, project: Path) -> None:
    before = tree(project)
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 0
    assert outcome.out == (
        HEADER
        + "\n"
        + "    PACKAGE       ACTION   SEND      SIZE  THERE  REQUESTS\n"
        + "  + acme/app@1.0  publish     2  97.7 KiB      0         6\n"
        + "\n"
        + "  acme/app@1.0\n"
        + "    sha256:b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be\n"
        + "      a.txt  6 bytes\n"
        + "      b.bin  97.7 KiB\n"
        + "\n"
        + "1 package to change: 2 assets to send, 97.7 KiB; 0 already there; 6 requests.\n"
    )
    assert outcome.err == ""
    assert tree(project) == before


def test_a_plan_on_an_existing_registry_writes_nothing(run: Run, project: Path) -> None:
    run("apply", "release.yaml", "-e", "dev", "--yes")
    before = tree(project)
    run("plan", "release.yaml", "-e", "dev")
    run("plan", "release.yaml", "-e", "dev", "--var", "version=2.0")
    assert tree(project) == before


def test_apply_publishes_and_a_second_apply_does_nothing(run: Run, project: Path) -> None:
    first = run("apply", "release.yaml", "-e", "dev", "--yes")
    assert first.code == 0
    assert "\n    sha256:b1316de1fa71995024c9d4b5d943496491d7a381ae0fa292e514cedd633078be\n" in first.out
    assert first.out.splitlines()[-2] == "acme/app: Published: sent 2 assets, 97.7 KiB; 0 already there"
    before = tree(project)
    second = run("apply", "release.yaml", "-e", "dev", "--yes")
    assert second.code == 0
    assert second.out == (
        HEADER
        + "\n"
        + "    PACKAGE       ACTION     SEND  SIZE  THERE  REQUESTS\n"
        + "  = acme/app@1.0  unchanged     -     -      2         2\n"
        + "\n"
        + "Nothing to do: 1 package published and unchanged.\n"
        + "Next: codeartifact-release apply -e staging\n"
    )
    assert tree(project) == before


def test_both_ways_to_finish_publish_the_same(run: Run, project: Path) -> None:
    assert run("apply", "release.yaml", "-e", "minimal", "--yes").code == 0
    assert "Nothing to do" in run("plan", "release.yaml", "-e", "dev").out


def test_the_detailed_exit_code_shows_changes(run: Run, project: Path) -> None:
    assert run("plan", "release.yaml", "-e", "dev", "--detailed-exitcode").code == 3
    run("apply", "release.yaml", "-e", "dev", "--yes")
    assert run("plan", "release.yaml", "-e", "dev", "--detailed-exitcode").code == 0


def test_other_bytes_under_a_published_version_are_refused_with_both_hashes(run: Run, project: Path) -> None:
    run("apply", "release.yaml", "-e", "dev", "--yes")
    (project / "dist" / "a.txt").write_text("HELLO\n")
    before = tree(project)
    for command in (["plan"], ["apply", "--yes"]):
        outcome = run(command[0], "release.yaml", "-e", "dev", *command[1:])
        assert outcome.code == 4
        assert "1 package refused; nothing will be sent." in outcome.out
        assert len(re.findall(r"(?:declared|published) +sha256:[0-9a-f]{64} \(6 bytes\)", outcome.err)) == 2
        assert "refused[conflict]: acme/app@1.0 in acme/dev is already Published, and 1 asset differs:" in outcome.err
    assert tree(project) == before


def test_one_refused_package_keeps_all_from_being_sent(run: Run, project: Path) -> None:
    run("apply", "release.yaml", "-e", "dev", "--yes")
    (project / "dist" / "a.txt").write_text("HELLO\n")
    second = MANIFEST.replace(
        "environments:", "  - {package: other, version: '1', assets: [dist/b.bin]}\nenvironments:"
    )
    (project / "release.yaml").write_text(second)
    before = tree(project)
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 4
    assert tree(project) == before


def test_json_is_all_that_is_on_stdout(run: Run, project: Path) -> None:
    outcome = run("plan", "release.yaml", "-e", "dev", "--json")
    plan = json.loads(outcome.out)
    assert (plan["environment"], plan["domain"], plan["repository"]) == ("dev", "acme", "dev")
    (package,) = plan["packages"]
    assert package["action"] == "publish"
    assert [(asset["name"], asset["size"]) for asset in package["upload"]] == [("a.txt", 6), ("b.bin", 100_000)]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", package["digest"])
    assert (package["found"], package["refusal"]) == (None, None)


def test_a_variable_on_the_command_line_goes_first(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_VAR_VERSION", "2.0")
    assert "acme/app@2.0" in run("plan", "release.yaml", "-e", "dev").out
    assert "acme/app@3.0" in run("plan", "release.yaml", "-e", "dev", "--var", "version=3.0").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "release.yaml", "-e", "dev", "--var", "version"], "--var version: write NAME=VALUE"),
        (["plan", "release.yaml", "-e", "dev", "--var", "version=1", "--var", "version=2"], "two different values"),
        (["plan", "missing.yaml", "-e", "dev"], "missing.yaml"),
        (["plan", "release.yaml", "-e", "deve"], "did you mean `dev`?"),
        (["plan", "release.yaml", "-e", "dev", "--allow", "everything"], "everything"),
        (
            ["plan", "release.yaml", "-e", "staging", "--force", f"acme/app@1.0=sha256:{'0' * 64}"],
            "force requires a reason",
        ),
        (["plan", "release.yaml", "-e", "staging", "--reason", "why not"], "a reason without force"),
        (["publish"], "No such command 'publish'"),
        ([], "Usage: codeartifact-release"),
    ],
)
def test_bad_usage_is_one_clear_message_and_exit_code_2(run: Run, project: Path, words: list[str], said: str) -> None:
    outcome = run(*words)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_every_mistake_of_a_manifest_is_told_at_once(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(
        MANIFEST.replace("repository: dev,", "repositry: dev,").replace("dist/*", "no/*")
    )
    outcome = run("apply", "release.yaml", "-e", "dev", "--yes")
    assert outcome.code == 2
    assert "release.yaml:11:" in outcome.err
    assert "did you mean `repository`?" in outcome.err
    assert "release.yaml:9:" in outcome.err
    assert "no/*" in outcome.err
    assert not (project / ".registry").exists()


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://registry.example.test", "is not AWS: a manifest may not choose"),
        ("http://registry.example.test", "is plain HTTP"),
        ("file:../elsewhere", "is outside the manifest's folder"),
        ("file:/tmp/elsewhere", "is outside the manifest's folder"),
    ],
)
def test_a_manifest_may_not_choose_where_credentials_go(run: Run, project: Path, endpoint: str, said: str) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("file:.registry", endpoint))
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 2
    assert said in outcome.err


def test_the_operator_may_permit_another_folder(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("file:.registry", "file:../elsewhere"))
    assert run("plan", "release.yaml", "-e", "dev", "--allow", "endpoint").code == 0
    assert not (project.parent / "elsewhere").exists()


def test_an_endpoint_from_the_shell_is_a_warning(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace(', endpoint: "file:.registry"', ""))
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert "warning: the endpoint http://127.0.0.1:9 comes from AWS_ENDPOINT_URL_CODEARTIFACT" in outcome.err
    assert "error[unreachable]: DescribePackageVersion: no response from http://127.0.0.1:9" in outcome.err
    assert outcome.code == 1


def test_no_region_is_one_clear_line(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace(', endpoint: "file:.registry"', ""))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error[no-region]: no AWS region is set")


def test_a_refusal_at_the_terminal_sends_nothing(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _text: "n")
    outcome = run("apply", "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.out.splitlines()[-1]) == (1, "Nothing was sent.")
    assert not (project / ".registry").exists()


def test_a_traceback_shows_only_when_asked_for(project: Path) -> None:
    for words, shown in (([], False), (["--verbose"], True)):
        done = subprocess.run(
            [COMMAND, "plan", "missing.yaml", "-e", "dev", *words], capture_output=True, text=True, check=False
        )
        assert ("Traceback" in done.stderr) is shown
        assert "missing.yaml" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "a cancelled job"])
def test_interrupted_it_exits_with_130_and_says_how_to_go_on(project: Path, number: signal.Signals) -> None:
    for name in range(400):
        (project / "dist" / f"{name:04}").write_bytes(os.urandom(2000))
    apply = subprocess.Popen(
        [COMMAND, "apply", "release.yaml", "-e", "dev", "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    blobs = project / ".registry" / "blobs"
    deadline = time.monotonic() + 30
    while not (blobs.exists() and any(blobs.rglob("*"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    apply.send_signal(number)
    out, err = apply.communicate(timeout=30)
    assert apply.returncode == 130, out + err
    assert "run again" in err.lower()
    assert "Published:" not in out


def published_digest(run: Run) -> str:
    return str(json.loads(run("plan", "release.yaml", "-e", "dev", "--json").out)["packages"][0]["digest"])


def test_a_permitted_replacement_says_so_in_the_plan_and_expires_by_itself(run: Run, project: Path) -> None:
    run("apply", "release.yaml", "-e", "dev", "--yes")
    permit = f"acme/app@1.0={published_digest(run)}"
    (project / "dist" / "a.txt").write_text("HELLO\n")
    plan = run("plan", "release.yaml", "-e", "dev", "--replace", permit)
    assert plan.code == 0
    assert "REPLACE: delete the published version, then publish 2 assets" in plan.out
    assert "absent for a moment" in plan.out
    assert run("apply", "release.yaml", "-e", "dev", "--yes", "--replace", permit).code == 0
    assert "Nothing to do" in run("plan", "release.yaml", "-e", "dev").out
    (project / "dist" / "a.txt").write_text("again\n")
    assert run("apply", "release.yaml", "-e", "dev", "--yes", "--replace", permit).code == 4


def test_a_permission_for_another_version_is_an_error(run: Run, project: Path) -> None:
    outcome = run("plan", "release.yaml", "-e", "dev", "--replace", "acme/app@2.0=sha256:" + "a" * 64)
    assert outcome.code == 2
    assert "the manifest declares no acme/app@2.0" in outcome.err


def test_what_needs_a_state_is_left_to_pulumi_with_a_warning(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("repository: dev,", "repository: dev, onSupersede: unlist,"))
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 0
    assert "warning: onSupersede: unlist needs Pulumi" in outcome.err


def test_colour_is_left_out_where_nobody_wants_it(project: Path) -> None:
    words = [COMMAND, "plan", "release.yaml", "-e", "dev"]
    script = shlex.join(["script", "-qec", shlex.join(words), "/dev/null"])
    for environ, coloured in (({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        done = subprocess.run(script, shell=True, capture_output=True, text=True, check=True, env={**kept, **environ})
        assert ("\x1b[32m" in done.stdout) is coloured, done.stdout


def test_every_failure_is_told_and_a_refusal_gives_the_exit_code() -> None:
    denied, over, stopped = AccessDeniedError("no"), QuotaExceededError("too much"), InterruptedReleaseError("stopped")
    for order in itertools.permutations([denied, over, stopped]):
        with pytest.raises(QuotaExceededError):
            _raise_all(list(order))
    with pytest.raises(InterruptedReleaseError):
        _raise_all([stopped])
    _raise_all([])


def test_the_mistakes_of_a_manifest_are_lines_that_a_tool_can_read(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("domain: acme,", "domian: acme,"))
    outcome = run("plan", "release.yaml", "-e", "dev")
    lines = outcome.err.splitlines()
    assert all(re.match(r"release\.yaml:\d+:\d+: ", line) for line in lines[:-1])
    assert re.fullmatch(r"error\[manifest\]: \d+ mistakes in release\.yaml; nothing was sent", lines[-1])


@pytest.mark.parametrize("lines", [1, 24])
def test_a_reader_that_goes_away_stops_no_release(project: Path, lines: int) -> None:
    packages = "".join(f"  - {{package: p{number}, version: '1', assets: [dist/*]}}\n" for number in range(8))
    (project / "release.yaml").write_text(MANIFEST.replace("environments:", packages + "environments:"))
    words = shlex.join([COMMAND, "apply", "release.yaml", "-e", "dev", "--yes"])
    done = subprocess.run(
        f"{words} | head -n {lines}", shell=True, capture_output=True, text=True, check=True, executable="/bin/bash"
    )
    assert done.stderr == ""
    again = subprocess.run(shlex.split(words), capture_output=True, text=True, check=True)
    assert "Nothing to do: 9 packages published and unchanged." in again.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_that_cannot_be_written_is_one_line(project: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "plan", "release.yaml", "-e", "dev"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "error[failed]: the output cannot be written: No space left on device\n",
    )
