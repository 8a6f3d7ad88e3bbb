"""SHA-256 of files: streamed, several files at once, cached between runs.

cache = SqliteCache(default_folder())
hashed = hash_files([Path("dist/app.zip")], cache=cache)
hashed[Path("dist/app.zip")].sha256
"""

from .cache import SqliteCache, default_folder
from .interface import FileIdentity, HashCache, NullCache
from .streaming import HashedBytes, HashedFile, hash_files

__all__ = [
    "FileIdentity",
    "HashCache",
    "HashedBytes",
    "HashedFile",
    "NullCache",
    "SqliteCache",
    "default_folder",
    "hash_files",
]
