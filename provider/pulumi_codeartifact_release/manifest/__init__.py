"""The manifest: YAML and JSON Schema in, frozen values out, every mistake with its line.

    from pulumi_codeartifact_release.manifest import Variables, load

    manifest = load(Path("release.yaml"), environment="dev", variables=Variables(environ=os.environ))
    for package in manifest.packages:
        print(package.id, package.version, [file.name for file in package.files])

Paths and globs are understood without a manifest, too:

    files, problems, _ = declare(Folder(base), [AssetEntry("dist/*.tar.gz")])
"""

from .files import AssetEntry, Declared, EntryProblem, declare
from .loader import ALLOWED, content_of, duration, load
from .model import DeclaredFile, Environment, Manifest, Package, Pin
from .names import asset_name_problem
from .paths import Folder
from .values import value_problem
from .variables import Variables

__all__ = [
    "ALLOWED",
    "AssetEntry",
    "Declared",
    "DeclaredFile",
    "EntryProblem",
    "Environment",
    "Folder",
    "Manifest",
    "Package",
    "Pin",
    "Variables",
    "asset_name_problem",
    "content_of",
    "declare",
    "duration",
    "load",
    "value_problem",
]
