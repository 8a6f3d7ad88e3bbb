"""What `init` can find out about a folder and this machine, so that it does not have to ask.

facts = find_facts(Path("app"), os.environ)
facts.namespace, facts.assets
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..checkout import read_real, top_of
from ..connections import resolved_region
from ..errors import ReleaseError
from ..git import commit_of, remote_of
from ..location import Location
from ..manifest import value_problem

DISTRIBUTION = "pulumi-codeartifact-release"
EXAMPLE = "dist/hello.txt"
"""The file that `init` writes if it finds nothing to release."""
_OUTPUT_FOLDERS = ("dist", "build", "out", "release")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SOURCES = re.compile(
    r"(README|LICEN[CS]E|CHANGE|CONTRIBUTING|SECURITY|NOTICE|VERSION|Makefile|Dockerfile|Pulumi\.|requirements).*"
    r"|.*\.(py|js|ts|go|rs|java|kt|c|h|cc|cpp|rb|sh|md|rst|toml|ya?ml|json|lock|cfg|ini|mk|xml|gradle|mod|sum|log|env)",
    re.IGNORECASE,
)
_MAX_FILES = 20
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Facts:
    """What is known about a project.

    Attributes:
        assets: paths and globs of the files to release; empty if there are none.
        region: of the shell or the AWS profile; None without one.
        virtualenv: the folder of the virtual environment, relative to the project.
        installed: whether this process runs in that virtual environment.
        requirement: a line for pip with a Git address and a commit.
        source: the web address of this tool's repository.
    """

    namespace: str
    package: str
    version: str
    assets: tuple[str, ...]
    region: str | None
    virtualenv: str
    installed: bool
    requirement: str
    source: str

    @property
    def domain(self) -> str:
        """A name for the domain: the namespace, as far as a domain allows it."""
        name = re.sub("[^a-z0-9]+", "-", self.namespace.lower()).strip("-")[:50].rstrip("-")
        return name if value_problem("domain", name) is None else "example"


def find_facts(folder: Path) -> Facts:
    """Look at the files of a folder, which need not exist, and at the environment. Makes no request."""
    namespace, package = _names(folder)
    virtualenv = _virtualenv(folder)
    requirement, source = _requirement()
    return Facts(
        namespace=namespace,
        package=package,
        version=_version(folder),
        assets=_assets(folder),
        region=_region(),
        virtualenv=virtualenv or ".venv",
        installed=virtualenv is not None,
        requirement=requirement,
        source=source,
    )


# --- the folder -------------------------------------------------------------------------------------------------------


def _names(folder: Path) -> tuple[str, str]:
    """Return namespace and package: owner and name in the remote's URL, else the name of the folder."""
    parts = re.split("[/:]", re.sub(r"\.git$", "", remote_of(folder).rstrip("/")))
    own = _name(folder.resolve().name) or "app"
    if len(parts) < 3:
        return own, own
    is_top = top_of(str(folder)) == str(folder.resolve())
    return _name(parts[-2]) or own, (_name(parts[-1]) if is_top else "") or own


def _name(text: str) -> str:
    return re.sub("[^A-Za-z0-9._-]+", "-", text).strip("-._")[:100]


def _version(folder: Path) -> str:
    """Return the version in VERSION, pyproject.toml or package.json; 0.1.0 without one."""
    readers: dict[str, Callable[[str], Any]] = {
        "VERSION": lambda text: text.strip(),
        "pyproject.toml": lambda text: tomllib.loads(text)["project"]["version"],
        "package.json": lambda text: json.loads(text)["version"],
    }
    for name, reader in readers.items():
        try:
            version = reader(text_of(folder / name))
        except (ValueError, LookupError, TypeError):
            continue
        if isinstance(version, str) and version and value_problem("version", version) is None:
            return version
    return "0.1.0"


def text_of(path: Path) -> str:
    """Return the text of a small file; "" if it is missing, too large, a link, or not a regular file."""
    try:
        content = read_real(str(path.parent.resolve() / path.name), _MAX_BYTES)
        return content.decode() if len(content) < _MAX_BYTES else ""
    except (OSError, ValueError):
        return ""


def _assets(folder: Path) -> tuple[str, ...]:
    """Return `dist/*` or the like if such a folder has files, else the files of `folder` that are not sources."""
    for name in _OUTPUT_FOLDERS:
        if _files(folder / name):
            return (f"{name}/*",)
    names = [name for name in _files(folder) if _PLAIN_NAME.fullmatch(name) and not _SOURCES.fullmatch(name)]
    return tuple(names) if len(names) <= _MAX_FILES else ()


def _files(folder: Path) -> list[str]:
    """Return the names of the regular files in a folder that are not hidden."""
    try:
        with os.scandir(folder) as entries:
            names = [each.name for each in entries if each.is_file(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith("."))


# --- this machine -----------------------------------------------------------------------------------------------------


def _region() -> str | None:
    try:
        return resolved_region(Location("", ""))
    except ReleaseError:
        return None


def _virtualenv(folder: Path) -> str | None:
    """Return the virtual environment of this process, relative to the folder; None if it is not inside."""
    prefix, inside = Path(sys.prefix).resolve(), folder.resolve()
    if sys.prefix == sys.base_prefix or not prefix.is_relative_to(inside) or prefix == inside:
        return None
    return prefix.relative_to(inside).as_posix()


def _requirement() -> tuple[str, str]:
    """Return the requirement of this tool for pip, and the address of its repository.

    pip records the Git address and commit that it installed from. After an installation from a clone, they are those of
    the clone. COMMIT stands for a commit that is unknown.
    """
    try:
        installed = distribution(DISTRIBUTION)
        source = dict(text.split(", ", 1) for text in installed.metadata.get_all("Project-URL") or ())["Source"]
        record = json.loads(installed.read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, LookupError, ValueError):
        return requirement_line("https://example.invalid", ""), "https://example.invalid"
    if vcs := record.get("vcs_info"):
        address = re.sub("^(https?://)[^/]*@", r"\1", record["url"])
        return requirement_line(address, vcs["commit_id"], record.get("subdirectory", "")), source
    clone = Path(unquote(urlsplit(record.get("url", "")).path))
    return requirement_line(remote_of(clone) or source, commit_of(clone, {}), "provider"), source


def requirement_line(address: str, commit: str, subdirectory: str = "provider") -> str:
    """Return a line for pip: the tool at a commit of a Git repository."""
    # pip has no form for `user@host:path`.
    if re.fullmatch(r"[\w.-]+@[\w.-]+:.*", address):
        address = "ssh://" + address.replace(":", "/", 1)
    fragment = f"#subdirectory={subdirectory}" if subdirectory else ""
    # pip takes a name only before an address with a host.
    name = f"{DISTRIBUTION} @ " if urlsplit(address).netloc else ""
    return f"{name}git+{address}@{commit or 'COMMIT'}{fragment}"
