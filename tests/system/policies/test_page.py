"""docs/ci.md is correct: its blocks parse, its commands and settings exist, its jobs follow its rules."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml
from botocore.session import get_session
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pulumi_codeartifact_release.cli import group
from pulumi_codeartifact_release.manifest import load

from .conftest import PLACES, Stand
from .iam import FOLDER, document, listed, policy
from .page import FILES, PAGE, ROOT, TOOLS, blocks, policies_of, workflow

WORKFLOWS = sorted(name for name in FILES if name.startswith(".github/workflows/"))
JOBS = [(name, job) for name in WORKFLOWS for job in workflow(name)["jobs"]]
GITLAB = workflow(".gitlab-ci.yml")
GITLAB_JOBS = sorted(
    name for name, job in GITLAB.items() if name[0] != "." and isinstance(job, dict) and "script" in job
)
ROLES = re.findall(r"^\| `(payments-api-\w+)` \|", PAGE, flags=re.MULTILINE)
POLICIES = sorted(path.stem for path in FOLDER.iterdir())
COMMAND = r"(?<![\w-])(codeartifact-release|pulumi) ([a-z][^\n`#|;]*)"


def told(name: str, job: str) -> dict[str, Any]:
    found: dict[str, Any] = workflow(name)["jobs"][job]
    return found


def uses(name: str) -> list[dict[str, Any]]:
    """Every step of a file that uses an action."""
    loaded = workflow(name)
    steps = [step for job in loaded.get("jobs", {}).values() for step in job["steps"]]
    steps += loaded.get("runs", {}).get("steps", [])
    return [step for step in steps if "uses" in step]


# --- blocks -----------------------------------------------------------------------------------------------------------


def test_every_block_parses_and_every_file_is_named() -> None:
    assert [yaml.safe_load(block) for block in blocks("yaml")]
    assert all(re.match(r"# \S+\n", block) for block in (*blocks("yaml"), *blocks("text")))
    assert len(re.findall("^ *```", PAGE, flags=re.MULTILINE)) % 2 == 0


def test_the_trust_policy_that_is_shown_is_the_one_in_the_folder() -> None:
    assert [json.loads(block) for block in blocks("json")] == [document("trust-github")]


@pytest.mark.parametrize("environment", PLACES)
def test_the_manifest_loads_for_every_environment(stand: Stand, environment: str) -> None:
    loaded = load(stand.folder / "release.yaml", environment=environment).environment(environment).location
    assert (loaded.domain, loaded.repository) == PLACES[environment]


def test_the_links_within_other_pages_lead_to_a_heading() -> None:
    for page, anchor in re.findall(r"\]\(((?:\w+\.md)?)#([\w-]+)\)", PAGE):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8") if page else PAGE
        titles = re.findall(r"^#+ (.*)", text, flags=re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles]


# --- commands and settings --------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of the page: program and arguments."""
    for program, line in re.findall(COMMAND, PAGE):
        words = [
            word for word in shlex.split(line.partition(" > ")[0].partition(" && ")[0], posix=True) if word != "||"
        ]
        yield program, words


def test_every_command_of_ours_exists_with_its_options_and_environments() -> None:
    seen = set()
    for _, words in (each for each in commands() if each[0] == "codeartifact-release"):
        command = group.get_command(click.Context(group), words[0])
        assert command is not None, words
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, words
        for option, value in itertools.pairwise(words):
            if option == "-e":
                assert value in PLACES
        seen.add(words[0])
    assert seen == {"init", "plan", "apply", "status", "pin"}


def test_every_pulumi_command_is_one_that_the_tests_run() -> None:
    ran = {"up", "preview", "refresh", "stack", "config"}
    seen = {words[0] for program, words in commands() if program == "pulumi"}
    # The others are for people.
    assert seen == ran | {"cancel", "login"}
    for program, words in commands():
        if program == "pulumi" and "--stack" in words:
            assert words[words.index("--stack") + 1] in {*PLACES, "$STACK", "${{", "STACK"}


def test_stack_settings_exist_in_the_root_program() -> None:
    program = (ROOT / "provider/pulumi_codeartifact_release/program/manifests.py").read_text(encoding="utf-8")
    read = re.findall(r'config\.get\("\w+"\)|_object\(config, .*', program)
    known = set(re.findall(r'"(\w+)"', "".join(read)))
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    shown = yaml.safe_load(FILES["Pulumi.prod.yaml"])["config"]
    assert {key.removeprefix(f"{project}:") for key in shown} <= known
    named = re.findall(r"pulumi config set (?:--path ')?(\w+)", PAGE)
    assert {"manifest", "force", "reason"} <= set(named) <= known


def test_what_is_installed_is_this_distribution_and_a_pulumi_that_it_works_with() -> None:
    with (ROOT / "provider" / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    _, requirement = FILES["requirements.txt"].splitlines()
    assert Requirement(requirement).name == project["name"]
    [sdk] = [Requirement(each) for each in project["dependencies"] if each.startswith("pulumi")]
    versions = re.findall(r"pulumi-version: ([\d.]+)", PAGE) + re.findall(r"pulumi/pulumi-python-[\d.]+:([\d.]+)", PAGE)
    assert len(versions) == 2
    assert all(Version(version) in sdk.specifier for version in versions)
    pythons = re.findall(r'python-version: "([\d.]+)"', PAGE) + re.findall(r"python[-:](3\.\d+)", PAGE)
    assert all(Version(python) >= Version(project["requires-python"].removeprefix(">=")) for python in pythons)


# --- the jobs of GitHub Actions ---------------------------------------------------------------------------------------


def test_actions_are_pinned_by_commit_each_at_one_version() -> None:
    pinned: dict[str, set[str]] = {}
    for action, reference in re.findall(r"uses: ([\w.-]+/[\w.-]+)@(.*)", PAGE):
        assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+(:.*)?", reference), action
        pinned.setdefault(action, set()).add(reference.partition(":")[0])
    assert pinned
    assert all(len(references) == 1 for references in pinned.values())


def test_no_checkout_leaves_credentials_behind() -> None:
    for name in (*WORKFLOWS, ".github/actions/release-tools/action.yml"):
        for step in uses(name):
            if step["uses"].startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}


def test_what_is_installed_is_hashed_and_runs_no_code_of_others() -> None:
    action = workflow(".github/actions/release-tools/action.yml")["runs"]["steps"]
    [script] = [step["run"] for step in action if "run" in step]
    for lines in (script.splitlines(), GITLAB[".tools"]["before_script"]):
        installs = [line for line in lines if " install " in line]
        assert len(installs) == 2
        assert {"--require-hashes", "--only-binary", "-r", "requirements.lock"} <= set(installs[0].split())
        assert {"--no-deps", "--no-build-isolation", "-r", "requirements.txt"} <= set(installs[1].split())
    lock = (ROOT / "provider/pulumi_codeartifact_release/cli/project/requirements.lock").read_text(encoding="utf-8")
    with (ROOT / "provider" / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    for name in (*project["project"]["dependencies"], *project["build-system"]["requires"]):
        assert re.search(
            rf"^{canonicalize_name(Requirement(name).name)}==\S+ .*\\\n    --hash=sha256:", lock, flags=re.M | re.I
        ), name


def test_a_job_that_builds_has_no_token() -> None:
    for name, job in JOBS:
        scripts = " ".join(step.get("run", "") for step in told(name, job)["steps"])
        if "make " in scripts:
            assert "id-token" not in told(name, job)["permissions"]
    builds = {name for name in GITLAB_JOBS if any("make " in line for line in GITLAB[name]["script"])}
    assert builds == {"build"}
    assert ".tools" not in listed(GITLAB["build"]["extends"])


def test_the_token_of_gitlab_lasts_as_long_as_the_role() -> None:
    assert GITLAB[".tools"]["id_tokens"]
    assert GITLAB[".tools"]["timeout"] == "1 hour"


def test_tags_wait_for_each_other_and_none_is_dropped() -> None:
    assert workflow(".github/workflows/release.yml")["concurrency"] == {"group": "release", "queue": "max"}


def test_the_role_is_taken_last() -> None:
    steps = workflow(".github/actions/release-tools/action.yml")["runs"]["steps"]
    assert [step.get("uses", "").startswith("aws-actions/") for step in steps] == [False] * (len(steps) - 1) + [True]


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_a_job_has_a_token_only_if_it_takes_a_role_and_only_its_environment_takes_one_that_writes(
    name: str, job: str
) -> None:
    assert workflow(name)["permissions"] == {}
    found = told(name, job)
    roles = [step["with"]["role"] for step in uses(name) if step in found["steps"] and step["uses"] == TOOLS]
    reads = [role.endswith("/payments-api-reader") for role in roles]
    permissions = {"contents": "read", **({"id-token": "write"} if roles else {})}
    assert found["permissions"] == ({"pages": "write", "id-token": "write"} if job == "pages" else permissions)
    assert [f"arn:aws:iam::111122223333:role/{role.rpartition('/')[2]}" for role in roles] == roles
    assert {role.rpartition("/")[2] for role in roles} <= set(ROLES)
    if roles and not all(reads):
        assert roles == [f"arn:aws:iam::111122223333:role/payments-api-{found['environment']}"]
        assert workflow(name)["concurrency"]
    else:
        assert not re.search(r"pulumi up|apply", " ".join(step.get("run", "") for step in found["steps"]))


def test_a_pull_request_runs_the_preview_alone_and_a_fork_nothing() -> None:
    # YAML 1.1 parses `on` as true.
    triggers = {name: set(workflow(name)[True]) for name in WORKFLOWS}  # type: ignore[index]
    assert [name for name, on in triggers.items() if on & {"pull_request", "pull_request_target"}] == [
        ".github/workflows/preview.yml"
    ]
    condition = "github.event.pull_request.head.repo.full_name == github.repository"
    assert told(".github/workflows/preview.yml", "prod")["if"] == condition
    assert not re.search(r"secrets\.|pull_request_target", "".join(FILES.values()))


# --- the jobs of GitLab -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GITLAB_JOBS)
def test_a_job_of_gitlab_is_of_a_stage_and_takes_its_role_by_a_token(name: str) -> None:
    job = GITLAB[name]
    assert job["stage"] in GITLAB["stages"]
    parents = listed(job.get("extends", []))
    assert set(parents) <= set(GITLAB)
    role = job.get("variables", {}).get("AWS_ROLE_ARN", "").rpartition("/")[2]
    assert bool(role) is (".tools" in parents)
    assert role in {*ROLES, ""}
    writes = any(re.search(r"pulumi up|apply", line) for line in job["script"])
    assert writes is (role not in {"payments-api-reader", ""})
    if writes:
        assert job["resource_group"] == job["environment"] == role.removeprefix("payments-api-")
        assert parents[1] in {".on-tag", ".on-main"}


def test_the_jobs_of_gitlab_run_what_those_of_github_run() -> None:
    github = "".join(step["run"] + "\n" for name, job in JOBS for step in told(name, job)["steps"] if "run" in step)
    for name in ("dev", "staging", "preview", "prod"):
        line = GITLAB[name]["script"][-1]
        assert f"{line}\n" in github


# --- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_whole_and_the_page_leads_to_it(name: str) -> None:
    assert f"](policies/{name}.json)" in PAGE
    loaded = document(name)
    assert set(loaded) == {"Version", "Statement"}
    known = {f"codeartifact:{each}" for each in get_session().get_service_model("codeartifact").operation_names}
    # An action without an operation: the permission of package managers, and of copying.
    known |= {"codeartifact:ReadFromRepository", "sts:AssumeRoleWithWebIdentity", "kms:Decrypt", "s3:*"}
    known |= {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"}
    for statement in loaded["Statement"]:
        assert set(listed(statement["Action"])) <= known
        assert all(
            re.fullmatch(r"arn:aws:[^:]+:[^:]*:[^:]*:\S+", each) for each in listed(statement.get("Resource", []))
        )


def test_every_role_has_policies_and_a_trust_for_both_services() -> None:
    assert len(ROLES) == 4
    for role in ROLES:
        assert all(policy(name).grants for name in policies_of(role))
        [row] = re.findall(rf"^\| `{role}` \|.*$", PAGE, flags=re.MULTILINE)
        assert "trust-github" in row
        assert "trust-gitlab" in row


def test_no_trust_reaches_beyond_the_repository() -> None:
    for name in POLICIES:
        if name.startswith("trust-"):
            [statement] = document(name)["Statement"]
            conditions = {key: value for each in statement["Condition"].values() for key, value in each.items()}
            [subject] = [value for key, value in conditions.items() if key.endswith(":sub")]
            assert [key for key in conditions if key.endswith(":aud")]
            for each in listed(subject):
                assert re.match(
                    r"(repo:acme/payments-api:|project_path:acme/payments-api:ref_type:(tag|branch):ref:)\w", each
                ) or (each == "project_path:acme/payments-api:ref_type:branch:ref:*" and name == "trust-gitlab-reader")


def test_a_trust_of_github_names_the_ref_and_the_workflow_that_may_release() -> None:
    claim = "token.actions.githubusercontent.com:"
    for name, ref, file in (
        ("trust-github", "refs/heads/main", "prod"),
        ("trust-github-tags", "refs/tags/v*", "release"),
    ):
        conditions = document(name)["Statement"][0]["Condition"]
        operator = "StringLike" if "*" in ref else "StringEquals"
        assert conditions[operator][f"{claim}ref"] == ref
        workflow_ref = conditions[operator][f"{claim}job_workflow_ref"]
        assert workflow_ref == f"acme/payments-api/.github/workflows/{file}.yml@{ref}"
        assert f".github/workflows/{file}.yml" in WORKFLOWS
        assert conditions["StringEquals"][f"{claim}sub"].startswith("repo:acme/payments-api:environment:")
    numbers = {
        document(f"trust-github{kind}")["Statement"][0]["Condition"]["StringEquals"][f"{claim}repository_id"]
        for kind in ("", "-tags", "-reader")
    }
    assert numbers == {"123456789"}


def test_the_table_of_policies_names_their_actions() -> None:
    section = PAGE.partition("\n## Policies\n")[2]
    for name, kept in (("publisher", "/dev"), ("promoter", "/staging"), ("promoter", "/dev"), ("reader", "/prod")):
        [row] = re.findall(rf"^\| \[{name}\].*$", section, flags=re.MULTILINE)
        source, destination = row.strip("| ").split("|")[-2:]
        shown = source if (name, kept) == ("promoter", "/dev") or name == "reader" else destination
        place = "/releases" if kept == "/prod" else kept
        granted = {grant.action for grant in policy(name).grants if re.search(rf"{place}(/|$)", grant.resource)}
        assert {f"codeartifact:{word}" for word in re.findall(r"[A-Z]\w+", shown)} == granted
