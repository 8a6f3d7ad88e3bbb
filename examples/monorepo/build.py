"""Builds every service for every platform. The same sources always give the same bytes.

python build.py

build/orders/linux-amd64/orders.pyz             the program, and beside it the same with debug code
build/orders/orders-chart.yaml                  its deployment
build/orders/orders-client.zip                  the client library for other services
"""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLATFORMS = ("linux-amd64", "linux-arm64", "macos-arm64")
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build() -> None:
    shutil.rmtree(HERE / "build", ignore_errors=True)
    for source in sorted((HERE / "src").iterdir()):
        service, to = source.name, HERE / "build" / source.name
        program = {"__main__.py": (source / "main.py").read_text(), "VERSION": (source / "VERSION").read_text()}
        for platform in PLATFORMS:
            contents = {**program, "platform_name.py": f'PLATFORM = "{platform}"\n'}
            write(to / platform / f"{service}.pyz", zip_of(contents))
            write(to / platform / f"{service}.debug.pyz", zip_of({**contents, "DEBUG": "yes\n"}))
        write(to / f"{service}-chart.yaml", (source / "chart.yaml").read_bytes())
        write(to / f"{service}-client.zip", zip_of({"client.py": (source / "client.py").read_text()}))


def zip_of(contents: dict[str, str]) -> bytes:
    """Return a reproducible ZIP file: uncompressed, since versions of zlib differ, and without the build time."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system = 3
            file.writestr(entry, content)
    return archive.getvalue()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    build()
