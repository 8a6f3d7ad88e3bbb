"""The plugin in another project: pytest finds it by its entry point."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_registry import HOSTILE

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[3] / "docs" / "testing.md").read_text(encoding="utf-8")
QUICK = ("-p", "no:hypothesispytest")
"""This plugin takes half of the start of pytest, and these projects do not need it."""

TESTS = """
import os, subprocess, sys, threading
import pytest

SCRIPT = '''
import boto3, hashlib
client = boto3.client("codeartifact")
client.publish_package_version(
    domain="acme", repository="dev", format="generic", namespace="acme", package="app", packageVersion="1.0.0",
    assetName="a", assetContent=b"alpha", assetSHA256=hashlib.sha256(b"alpha").hexdigest(),
)
client.close()
'''

@pytest.mark.parametrize("number", range(2))
def test_a_script(codeartifact_registry, number):
    environ = {**os.environ, **codeartifact_registry.environ}
    subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], env=environ, check=True)
    assert codeartifact_registry.versions("app", namespace="acme") == {"1.0.0": "Published"}

def test_that_fails(codeartifact_registry):
    codeartifact_registry.versions("app", namespace="acme")
    assert codeartifact_registry.url == ""
"""
ENDS = """
import threading
from pathlib import Path

def pytest_sessionfinish(session):
    worker = getattr(session.config, "workerinput", {}).get("workerid", "main")
    left = [thread.name for thread in threading.enumerate() if "registry" in thread.name]
    Path(f"left.{worker}").write_text(repr(left))
"""


@pytest.mark.slow
def test_a_project_has_the_fixture_without_configuration(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(conftest=ENDS, test_script=TESTS)
    asked = ("-W", "error", "-p", "no:cacheprovider", "-n", "2", "--disable-socket", "--allow-hosts=127.0.0.1")
    done = pytester.runpytest_subprocess(*QUICK, *asked, timeout=60)
    done.assert_outcomes(passed=2, failed=1)
    # The failure shows the requests to the registry.
    done.stdout.re_match_lines([r"-+ Requests to codeartifact_registry -+", r"POST /v1/package/versions\?.* -> 404.*"])
    # Nothing is left of any registry: no thread and no folder.
    assert {path.read_text() for path in pytester.path.glob("left.*")} == {"[]"}
    assert len([*pytester.path.glob("left.*")]) == 3
    folders = [path.name for path in (pytester.path / "temp").rglob("*") if "codeartifact" in path.name]
    assert folders == []


@pytest.mark.slow
def test_the_examples_of_the_page_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {}
    for block in re.findall(r"^```(?:sh|python)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        [name] = re.findall(r"^# (\w+\.\w+)\b", block, flags=re.MULTILINE)
        files[name] = block
        (pytester.path / name).write_text(block, encoding="utf-8")
    assert sorted(files) == ["publish.py", "publish.sh", "test_publish_py.py", "test_publish_sh.py"]
    # The `aws` CLI of this virtual environment.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    done = pytester.runpytest_subprocess(*QUICK, "-W", "error", "--strict-markers", timeout=60)
    done.assert_outcomes(passed=4)


def test_the_page_lists_every_member_of_the_registry() -> None:
    from pulumi_codeartifact_release.pytest_plugin import CodeArtifactRegistry

    members = {*CodeArtifactRegistry.__annotations__, *vars(CodeArtifactRegistry)}
    section = PAGE.partition("## The fixtures")[2].partition("\n## ")[0]
    table = "".join(line.partition(" | ")[0] for line in section.splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`(\w+)[`(]", table))
    assert {name for name in members if not name.startswith("_")} == named


def test_the_plugin_imports_nothing_until_a_fixture_is_used() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import pulumi_codeartifact_release.pytest_plugin;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.split() == ["pulumi_codeartifact_release"]
