"""Write into release.yaml, as the pins of an environment, what the environment before it holds now.

python pin.py prod

It approves nothing: what it writes is reviewed, as `git diff` shows it, and committed by somebody who looked.
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
        package, held = row["package"], row["environments"][before]
        if held["status"] != "Published":
            sys.exit(f"{package}: {before} holds nothing that is Published")
        lines = re.compile(rf"^( +){re.escape(package)}:\n +version: .*\n +digest: .*$", re.MULTILINE)
        pin = rf"\g<1>{package}:\n\g<1>  version: {held['version']}\n\g<1>  digest: {held['digest']}"
        text, found = lines.subn(pin, text)
        if found != 1:
            sys.exit(f"{MANIFEST}: {package} is not pinned in one place, but in {found}")
        print(f"{package}: {environment} is pinned to {held['version']}, as {before} holds it")
    MANIFEST.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
