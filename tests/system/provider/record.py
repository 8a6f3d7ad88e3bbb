"""Record what the engine asks the plugin, for test_protocol.py to replay where there is no CLI.

    .venv/bin/python tests/system/provider/record.py [recordings | native]

Needs the Pulumi CLI on PATH or in ~/.pulumi. Run it by hand after a change of what the provider answers or the
program sends, or for a newer engine, and read the diff of recordings/ as carefully as one of code: a changed answer
is a change of what stands in users' state.

It runs the steps of scenario.py, each one operation, in a folder and with a backend of their own, and keeps the calls
to the plugin with their answers. What differs from machine to machine and from run to run becomes a placeholder:
{{program}} is the program's folder, {{revision-1}} a revision of the registry, {{at-1}} a time of day, {{reason-1}} the
text of a refusal. The stacks have no secrets, which a recording would show in clear.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from scripts import pulumi_cli  # noqa: E402

from system.provider.native_scenario import NATIVE_STEPS  # noqa: E402
from system.provider.scenario import RECORDINGS, STEPS, Step  # noqa: E402

SERVICE = "/pulumirpc.ResourceProvider/"

# Of one run of the engine, and none of the provider's business.
FIXED = {
    "engineAddress": "127.0.0.1:1",
    "mapperTarget": "127.0.0.1:1",
    "loaderTarget": "127.0.0.1:1",
    "resolverTarget": "127.0.0.1:1",
    "resourceStatusAddress": "127.0.0.1:1",
    "resourceStatusToken": "token",
    "rootDirectory": "/plugin",
    "programDirectory": "/plugin",
    "randomSeed": "c2VlZA==",
}
# A revision is random, and every run has its time; how a reason is worded is for other tests to hold.
PLACEHOLDERS = ("revision", "at", "reason")
# A user's own account, and the commit that a CI job says it works on.
NOT_OURS = re.compile(r"AWS_.*|.*_(SHA1?|COMMIT)")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Recorder:
    """Turns raw traffic into recordings; one for all steps."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._seen: dict[str, str] = {}

    def keep(self, step: Step, traffic: Path) -> None:
        """Write a step's recording."""
        calls = []
        for line in traffic.read_text(encoding="utf-8").splitlines():
            call = json.loads(line)
            # Every call is logged twice: as it begins and as it ends.
            if call["method"].startswith(SERVICE) and call["progress"] == "response_completed":
                kept = {
                    "method": call["method"].removeprefix(SERVICE),
                    **{key: self._cleaned(call[key]) for key in ("request", "response", "errors") if key in call},
                }
                calls.append(json.dumps(kept, sort_keys=True))
        text = "".join(f"{call}\n" for call in calls)
        leaks = [found for found in (str(Path.home()), tempfile.gettempdir(), str(ROOT)) if found in text]
        if leaks:
            sys.exit(f"{step.name}: {leaks} of this machine would be in the recording")
        step.recording.write_text(text, encoding="utf-8")

    def _cleaned(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self._cleaned(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._cleaned(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if key in FIXED:
            return FIXED[key]
        if key in PLACEHOLDERS and value:
            return self._seen.setdefault(value, f"{{{{{key}-{len(self._seen) + 1}}}}}")
        if key == "id" and UUID.fullmatch(value):
            return "00000000-0000-0000-0000-000000000000"
        return value.replace(str(self._program), "{{program}}")


def main() -> None:
    cli = pulumi_cli.find()
    if cli is None:
        sys.exit("The Pulumi CLI is neither on PATH nor in ~/.pulumi.")
    for folder, steps in ((RECORDINGS, STEPS), (RECORDINGS / "native", NATIVE_STEPS)):
        if sys.argv[1:] in ([], [folder.name]):
            record(cli, folder, steps)


def record(cli: Path, recordings: Path, steps: tuple[Step, ...]) -> None:
    """Record the steps, which share a program."""
    recordings.mkdir(exist_ok=True)
    for old in recordings.glob("*.jsonl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        program = folder / "program"
        program.mkdir()
        shutil.copy(ROOT / "__main__.py", program)
        settings = (ROOT / "Pulumi.yaml").read_text(encoding="utf-8")
        settings = settings.replace("virtualenv: .venv", f"virtualenv: {ROOT / '.venv'}")
        settings += f"plugins: {{providers: [{{name: codeartifact-release, path: '{ROOT / '.venv' / 'bin'}'}}]}}\n"
        (program / "Pulumi.yaml").write_text(settings, encoding="utf-8")
        environment = {
            **{k: v for k, v in pulumi_cli.environment(cli, folder).items() if not NOT_OURS.fullmatch(k)},
            "CODEARTIFACT_RELEASE_CACHE": str(folder / "cache"),
        }

        def pulumi(stack: str, *words: str, log: Path | None = None) -> int:
            extra = {"PULUMI_DEBUG_GRPC": str(log)} if log else {}
            run = subprocess.run(
                [cli, *words, "--stack", stack], cwd=program, env={**environment, **extra}, check=False
            )
            return run.returncode

        recorder = Recorder(program)
        for stack in dict.fromkeys(step.stack for step in steps):
            pulumi(stack, "stack", "init")
            pulumi(stack, "config", "set", "manifest", "release.yaml")
        for step in steps:
            step.prepare(program)
            traffic = folder / f"{step.recording.stem}.json"
            if (pulumi(step.stack, *step.words, log=traffic) != 0) != step.fails:
                sys.exit(f"{step.name} did not end as it should")
            recorder.keep(step, traffic)


if __name__ == "__main__":
    main()
