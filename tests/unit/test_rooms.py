"""The rooms of the code and the way imports flow between them: downwards only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import pulumi_codeartifact_release

PACKAGE = Path(pulumi_codeartifact_release.__file__).parent

MAY_IMPORT = {
    "remedies": set(),
    "errors": {"remedies"},
    "private_db": set(),
    "checkout": set(),
    "commit": {"checkout"},
    "registry": {"errors", "remedies"},
    "location": {"errors", "remedies", "registry"},
    "manifest": {"errors", "remedies", "checkout", "location"},
    "hashing": {"errors", "private_db", "checkout"},
    "publishing": {"errors", "remedies", "registry", "location"},
    "local_registry": set(),
    "connections": {"errors", "registry", "local_registry", "location"},
    "review": {"publishing"},
    "progress": {"publishing", "review"},
    "approvals": {"errors", "manifest", "publishing"},
    "state": {"location", "publishing", "registry"},
    "audit": {"location", "publishing", "state"},
    "secret": set(),
    "declaration": {"hashing", "publishing", "registry"},
    "engine": {"errors", "remedies"},
    "run_context": {"errors", "remedies", "engine", "hashing", "location", "publishing", "state"},
    "operations": {
        "errors",
        "registry",
        "publishing",
        "location",
        "connections",
        "progress",
        "state",
        "secret",
        "audit",
        "engine",
        "run_context",
    },
    "checks": {
        "errors",
        "remedies",
        "manifest",
        "registry",
        "publishing",
        "location",
        "connections",
        "review",
        "state",
        "secret",
        "engine",
        "declaration",
        "run_context",
        "operations",
    },
    "providers": {
        "errors",
        "registry",
        "publishing",
        "state",
        "secret",
        "declaration",
        "engine",
        "run_context",
        "operations",
        "checks",
    },
    "arguments": {"location", "manifest", "publishing", "declaration"},
    "resources": {
        "commit",
        "location",
        "manifest",
        "publishing",
        "approvals",
        "declaration",
        "engine",
        "arguments",
        "providers",
    },
    "programs": {
        "errors",
        "remedies",
        "commit",
        "manifest",
        "publishing",
        "location",
        "connections",
        "approvals",
        "declaration",
        "resources",
    },
    "cli": {
        "errors",
        "remedies",
        "checkout",
        "manifest",
        "hashing",
        "registry",
        "publishing",
        "local_registry",
        "location",
        "connections",
        "review",
        "progress",
        "approvals",
    },
    "pytest_plugin": {"registry", "local_registry"},
    "versions": {"errors", "manifest", "hashing", "registry", "publishing", "location", "connections"},
    "__init__": {"errors", "resources", "programs", "versions"},
}
"""Room -> the rooms that it may know. The order is the order of the layers."""

LIBRARIES = {
    "remedies": set(),
    "errors": set(),
    "private_db": set(),
    "checkout": set(),
    "commit": set(),
    "manifest": {"yaml", "jsonschema", "wcmatch", "bracex"},
    "hashing": set(),
    "registry": {"boto3", "botocore", "urllib3", "mypy_boto3_codeartifact"},
    "publishing": set(),
    "local_registry": {"botocore", "uvicorn"},
    "location": set(),
    "connections": {"mypy_boto3_codeartifact"},
    "review": set(),
    "progress": set(),
    "state": set(),
    "declaration": set(),
    "engine": {"pulumi", "grpc"},
    "run_context": set(),
    "approvals": set(),
    "audit": set(),
    "secret": {"pulumi"},
    "operations": set(),
    "checks": {"pulumi"},
    "providers": {"pulumi"},
    "arguments": {"pulumi"},
    "resources": {"pulumi"},
    "programs": {"pulumi"},
    "cli": {"click", "jinja2", "jsonschema", "rich"},
    "pytest_plugin": {"boto3", "botocore", "mypy_boto3_codeartifact", "pytest"},
    "versions": set(),
    "__init__": set(),
}
"""Room -> what it may use beyond the standard library. Pulumi is known to the outermost modules alone."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> tuple[set[str], set[str]]:
    """The rooms and the top-level packages that a module imports, wherever in it."""
    rooms: set[str] = set()
    packages: set[str] = set()
    here = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            packages.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = here[: -node.level]
            parts = [*base, *(node.module or "").split(".")] if node.module else [*base]
            targets = [[*parts, alias.name] for alias in node.names] if len(parts) == 1 else [parts]
            rooms |= {target[1] for target in targets}
    assert PACKAGE.name not in packages, "imports within the package are relative"
    return rooms, packages


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_downwards_only(path: Path) -> None:
    room = room_of(path)
    rooms, packages = imports(path)
    own = {"__version__"} if room == "cli" else set()
    assert rooms - {room} - own <= MAY_IMPORT[room]
    assert packages - set(sys.stdlib_module_names) <= LIBRARIES[room]


def test_the_rooms_are_in_layers() -> None:
    order = list(MAY_IMPORT)
    assert all(order.index(lower) < order.index(room) for room, lowers in MAY_IMPORT.items() for lower in lowers)


def test_registry_and_local_registry_meet_over_http_alone() -> None:
    assert "local_registry" not in MAY_IMPORT["registry"]
    assert MAY_IMPORT["local_registry"] == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text))
