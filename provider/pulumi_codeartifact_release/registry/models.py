"""botocore's models of the services, found and parsed faster than botocore does it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader


def model_loader(folders: Iterable[str]) -> Loader:
    """Return a loader of the models in these folders, the first that has one."""
    return _Models(list(folders), _Json(), include_default_search_paths=False)


class _Models(Loader):
    """botocore's loader of its models, but that it does not look through those of every service for one client."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002
        """Return the names of all services; whether one has this type of model shows when it is loaded."""
        names: set[str] = set()
        for path in self.search_paths:
            # Not there, or not ours to look into: somebody else's home.
            with suppress(OSError):
                names.update(each.name for each in Path(path).iterdir())
        return sorted(names)


class _Json(JSONFileLoader):
    """Reads models as dictionaries, which keep their order too: botocore's OrderedDict takes twice as long."""

    def load_file(self, file_path: str) -> Any:
        """Return what the file holds, None where there is none; `file_path` has no suffix."""
        for suffix, open_file in ((".json", open), (".json.gz", gzip.open)):
            with (
                suppress(FileNotFoundError, NotADirectoryError, PermissionError),
                open_file(file_path + suffix, "rb") as file,
            ):
                return json.loads(file.read())
        return None
