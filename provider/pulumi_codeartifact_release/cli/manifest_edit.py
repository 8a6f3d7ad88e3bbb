"""Changes a manifest in place, for commands that record something in it.

manifest_edit = prepare_edit(manifest, {"withdrawn": {"acme/app@1.4.2": {"reason": "…"}}}, variables, allow)
click.echo(manifest_edit.diff, nl=False)
manifest_edit.write()
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileChangedError
from ..manifest import Manifest, Patch, Variables, edit, load, read_manifest, unified_diff
from .output_files import refuse_unwritable, rewrite


@dataclass(frozen=True)
class ManifestEdit:
    """A change to a manifest that is not written yet.

    Attributes:
        manifest: the manifest with the change.
    """

    manifest: Manifest
    before: bytes
    after: bytes

    @property
    def path(self) -> Path:
        """The manifest's file."""
        return self.manifest.path

    @property
    def diff(self) -> str:
        """The change as `diff -u` prints it; "" for none."""
        return unified_diff(self.path, self.before, self.after)

    def write(self) -> None:
        """Write the manifest. Raises UsageError, or FileChangedError if the file changed since it was read."""
        if self.after != self.before:
            rewrite(self.path, self.before, self.after, "MANIFEST", manifest=self.path)


def prepare_edit(manifest: Manifest, patch: Patch, variables: Variables, allow: frozenset[str]) -> ManifestEdit:
    """Return the manifest with the changes of a patch (see `manifest.edit`), and load it to check it.

    Raises:
        UsageError: the change is not possible in place, or the file cannot be written.
        ManifestError: the result is not valid.
        FileChangedError: the file changed since `manifest` was loaded.
    """
    path = manifest.path
    content = read_manifest(path, outside="outside" in allow)
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise FileChangedError(f"{path} changed while it was edited", hint="Nothing was written. Run again.")
    refuse_unwritable(path, "MANIFEST", {}, manifest=path)
    after = edit(path, content, patch)
    return ManifestEdit(load(path, content=after, variables=variables, allow=allow, with_files=False), content, after)
