"""Pins an environment in release.yaml to the versions that its source environment has now.

python pin.py prod

This is not an approval. Review the change (`git diff`), then commit it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

MANIFEST = Path("release.yaml")


def main(environment: str) -> None:
    done = subprocess.run(
        ["codeartifact-release", "status", MANIFEST, "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)
    report = json.loads(done.stdout)
    before = {place["name"]: place["promoteFrom"] for place in report["environments"]}[environment]
    text = MANIFEST.read_text()
    for row in report["packages"]:
        package, current = row["package"], row["environments"][before]
        if current["status"] != "Published":
            sys.exit(f"{package}: {before} has no Published version")
        lines = re.compile(rf"^( +){re.escape(package)}:\n +version: .*\n +digest: .*$", re.MULTILINE)
        pin = rf"\g<1>{package}:\n\g<1>  version: {current['version']}\n\g<1>  digest: {current['digest']}"
        text, count = lines.subn(pin, text)
        if count != 1:
            sys.exit(f"{MANIFEST}: expected one pin of {package}, but there are {count}")
        print(f"{package}: {environment} is pinned to {current['version']}, the version in {before}")
    MANIFEST.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
