"""Writes dist/payments.zip, the code of a Lambda function: the same bytes from the same files."""

from __future__ import annotations

import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

(HERE / "dist").mkdir(exist_ok=True)
with zipfile.ZipFile(HERE / "dist" / "payments.zip", "w") as archive:
    # Without the file's time and mode: these would change the digest.
    archive.writestr(zipfile.ZipInfo("index.js"), (HERE / "files" / "index.js").read_bytes())
