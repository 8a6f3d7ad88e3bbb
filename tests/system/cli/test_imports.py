"""What a start of the command line imports, by name: nothing that it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_codeartifact_release.local_registry import start
from support.embedded import client_of

# In a process of its own, and without what the interpreter of a test brings along (coverage).
SCRIPT = """
import sys
before = set(sys.modules)
sys.argv[0] = "codeartifact-release"
from pulumi_codeartifact_release.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sorted(set(sys.modules) - before))
"""
OWN = "pulumi_codeartifact_release"
DEAR = {
    *("asyncio", "concurrent.futures", "dataclasses", "email", "hashlib", "http", "importlib.metadata", "json"),
    *("logging", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "zipfile"),
}
"""Of the standard library: slow to import, and not needed for help."""


def loaded(*words: str, folder: Path | None = None, environ: dict[str, str] | None = None) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        cwd=folder,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def others(modules: set[str]) -> set[str]:
    """The packages of other people."""
    tops = {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names) - {OWN}
    # An older Python needs typing_extensions for jsonschema.
    return {name for name in tops if not name.startswith(("_", "cython", "typing_extensions"))}


def own(modules: set[str]) -> set[str]:
    return {name.removeprefix(f"{OWN}.") for name in modules if name.startswith(f"{OWN}.")}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in ("plan", "apply", "verify", "status", "serve", "schema")),
    ],
)
def test_help_and_version_import_click_and_the_declarations(words: list[str]) -> None:
    modules = loaded(*words)
    assert others(modules) == {"click"}
    assert own(modules) == {
        "cli",
        "cli.commands",
        "cli.error_output",
        "cli.options",
        "cli.version_commands",
        "errors",
        "remedies",
    }
    assert modules & DEAR == set()


MANIFEST = """\
schemaVersion: 1
packages:
  - {namespace: acme, package: app, version: "1.0", assets: [a.txt]}
environments:
  dev: {domain: acme, repository: dev}
"""
NEEDED = {
    *("botocore", "bracex", "click", "dateutil", "jmespath", "six", "urllib3", "wcmatch", "yaml"),
    *("attr", "attrs", "jsonschema", "jsonschema_specifications", "referencing", "rpds"),
    "rich",
}
"""To read a manifest, to ask a registry, and to show the result."""


def test_a_plan_and_an_apply_import_no_more_than_they_must(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "release.yaml").write_text(MANIFEST)
    with start(tmp_path / ".registry") as server:
        client = client_of(server)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        client.close()
        key = server.credentials()
        environ = {
            "AWS_ENDPOINT_URL_CODEARTIFACT": server.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_REGION": "us-east-1",
            "CODEARTIFACT_RELEASE_CACHE": str(tmp_path / "cache"),
        }
        applied = loaded("apply", "release.yaml", "-e", "dev", "--yes", folder=tmp_path, environ=environ)
        planned = loaded("plan", "release.yaml", "-e", "dev", folder=tmp_path, environ=environ)
    assert others(applied) == others(planned) == NEEDED
    unneeded = {"cli.verify", "cli.status", "cli.serve", "local_registry", "run_context"}
    assert own(applied) & unneeded == set()
    assert own(planned) & (unneeded | {"cli.apply"}) == set()
