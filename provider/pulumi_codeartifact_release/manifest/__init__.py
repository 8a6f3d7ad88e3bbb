"""Reads a manifest: YAML and JSON Schema in, frozen values out, every error with its line.

    from pulumi_codeartifact_release.manifest import Variables, load

    manifest = load(Path("release.yaml"), environment="dev", variables=Variables(environ=os.environ))
    for package in manifest.packages:
        print(package.id, package.version, [file.name for file in package.files])

Paths and globs can also be resolved without a manifest:

    files, problems, *_ = resolve_assets(BaseFolder(base), [AssetEntry("dist/*.tar.gz")])
"""

from .argument_values import value_problem
from .asset_names import asset_name_problem
from .edit import Patch, edit, unified_diff
from .files import AssetEntry, EntryProblem, ResolvedAssets, resolve_assets
from .loader import PERMISSIONS, duration, load, read_manifest
from .model import Bundle, DeclaredFile, Environment, Manifest, Package, Pin, Retention, Withdrawal
from .paths import BaseFolder
from .variables import Variables

__all__ = [
    "PERMISSIONS",
    "AssetEntry",
    "BaseFolder",
    "Bundle",
    "DeclaredFile",
    "EntryProblem",
    "Environment",
    "Manifest",
    "Package",
    "Patch",
    "Pin",
    "ResolvedAssets",
    "Retention",
    "Variables",
    "Withdrawal",
    "asset_name_problem",
    "duration",
    "edit",
    "load",
    "read_manifest",
    "resolve_assets",
    "unified_diff",
    "value_problem",
]
