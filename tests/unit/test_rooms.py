"""The rooms of the code and the way imports flow between them: downwards only."""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pulumi_codeartifact_release

PACKAGE = Path(pulumi_codeartifact_release.__file__).parent

MAY_IMPORT = {
    "remedies": set(),
    "errors": {"remedies"},
    "bundle_rules": set(),
    "checkout": set(),
    "git": {"checkout"},
    "hashing": {"errors", "checkout"},
    "registry": {"errors", "remedies"},
    "location": {"errors", "remedies", "registry"},
    "manifest": {"errors", "remedies", "bundle_rules", "checkout", "location"},
    "publishing": {"errors", "remedies", "bundle_rules", "hashing", "registry", "location"},
    "local_registry": set(),
    "connections": {"errors", "registry", "local_registry", "location"},
    "text": {"publishing", "registry"},
    "approvals": {"errors", "manifest", "registry", "publishing"},
    "pins": {"errors", "manifest", "registry", "publishing", "location", "approvals"},
    "versions": {"errors", "manifest", "hashing", "registry", "publishing", "location", "connections"},
    "plugin": {
        "errors",
        "approvals",
        "bundle_rules",
        "remedies",
        "manifest",
        "hashing",
        "registry",
        "publishing",
        "location",
        "connections",
        "text",
    },
    "dynamic": {"errors", "remedies", "plugin"},
    "providers": {"plugin", "dynamic"},
    "native": {
        "errors",
        "remedies",
        "git",
        "manifest",
        "publishing",
        "location",
        "connections",
        "approvals",
        "pins",
        "versions",
        "plugin",
    },
    "__main__": {"native"},
    "program": {
        "errors",
        "remedies",
        "git",
        "manifest",
        "publishing",
        "location",
        "connections",
        "approvals",
        "pins",
        "plugin",
        "dynamic",
        "providers",
    },
    "cli": {
        "errors",
        "remedies",
        "checkout",
        "git",
        "manifest",
        "hashing",
        "registry",
        "publishing",
        "local_registry",
        "location",
        "connections",
        "text",
        "approvals",
        "pins",
    },
    "pytest_plugin": {"registry", "local_registry"},
    "__init__": {"errors", "program", "versions"},
}
"""Room -> the rooms that it may import. The order is the order of the layers."""

LIBRARIES = {
    "manifest": {"yaml", "jsonschema", "wcmatch", "bracex"},
    "registry": {"boto3", "botocore", "urllib3", "mypy_boto3_codeartifact"},
    "local_registry": {"botocore", "uvicorn"},
    "connections": {"mypy_boto3_codeartifact"},
    "plugin": {"pulumi", "grpc"},
    "dynamic": {"pulumi"},
    "native": {"pulumi", "grpc", "google"},
    "program": {"pulumi"},
    "cli": {"click", "jinja2", "jsonschema", "rich"},
    "pytest_plugin": {"boto3", "botocore", "mypy_boto3_codeartifact", "pytest"},
}
"""Room -> the libraries that it may import, beside the standard library. The other rooms import none."""

WITHOUT_PULUMI = {
    f"plugin/{name}.py" for name in ("audit", "declaration", "declared", "deploy", "preview", "run_context", "state")
}
"""They convert no values of Pulumi."""

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
    assert packages - set(sys.stdlib_module_names) <= LIBRARIES.get(room, set())


def test_the_rooms_are_in_layers() -> None:
    order = list(MAY_IMPORT)
    assert all(order.index(lower) < order.index(room) for room, lowers in MAY_IMPORT.items() for lower in lowers)


@pytest.mark.parametrize("name", sorted(WITHOUT_PULUMI))
def test_only_some_modules_of_the_plugin_import_pulumi(name: str) -> None:
    assert "pulumi" not in imports(PACKAGE / name)[1]


def test_only_the_dynamic_provider_knows_its_protocol() -> None:
    texts = {path: path.read_text() for path in MODULES}
    assert {room_of(path) for path, text in texts.items() if "pulumi.dynamic import" in text} == {"dynamic", "program"}


def test_no_module_imports_itself_through_others() -> None:
    # Raises CycleError.
    list(TopologicalSorter({module_of(path): imported_modules(path) for path in MODULES}).static_order())


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported_modules(path: Path) -> set[str]:
    """The modules of the package that a module imports when it is imported itself."""
    here = path.relative_to(PACKAGE).with_suffix("").parts
    known = {module_of(other) for other in MODULES}
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level]
            module = ".".join([*base, *([node.module] if node.module else [])])
            inner = {f"{module}.{alias.name}".lstrip(".") for alias in node.names} & known
            found |= inner or ({module} & known)
    return found - {module_of(path), ""}


def test_registry_and_local_registry_do_not_import_each_other() -> None:
    assert "local_registry" not in MAY_IMPORT["registry"]
    assert MAY_IMPORT["local_registry"] == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_small_and_have_a_docstring(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text))
