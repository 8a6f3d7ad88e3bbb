"""The API of the shop. The build packs it with its version."""

from pathlib import Path
from zipfile import ZipFile

with ZipFile(Path(__file__).parent) as packed:
    print("shop api", packed.read("VERSION").decode().strip())
