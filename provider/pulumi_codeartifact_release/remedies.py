"""What a person does about an error, in the words of where they are: options, stack config, or arguments.

command_line(Need("allow", "endpoint"))                     # "--allow endpoint"
StackConfig("dev", {"allow": 1})(Need("allow", "endpoint"))  # "`pulumi config set --path 'allow[1]' endpoint -s dev`"

An error says what it needs; the front that prints it says how one gives that there. Nothing else knows their words.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias


class Need(NamedTuple):
    """Something that only the person can give.

    Attributes:
        kind: `replace`, `force`, `allow`: a permission; `reason`: for what is forced; `variable`: a value of that
            name; `region`, `profile`: where and as whom; `finalize`: a key of the manifest; `all`, `traceback`: where
            to see what a message leaves out; `without`: not to give what has that name.
        value: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST, a word, or a name; "" where the kind says it all.
    """

    kind: str
    value: str = ""


FORM = "NAMESPACE/PACKAGE@VERSION=sha256:DIGEST"
"""How a version and its digest are written."""
Text: TypeAlias = "str | tuple[str | Need, ...]"
"""A message, or its parts."""
Front: TypeAlias = Callable[[Need], str]
"""Says how a need is met where the error is printed."""


def spoken(text: Text, front: Front) -> str:
    """Return a message as a front says it."""
    return text if isinstance(text, str) else "".join(each if isinstance(each, str) else front(each) for each in text)


def command_line(need: Need) -> str:
    """Say it by the options of the command line."""
    value = shlex.quote(need.value)
    match need.kind:
        case "replace":
            return f"--replace {value}"
        case "force":
            return f"--force {value} --reason TEXT"
        case "allow":
            return f"--allow {value}"
        case "reason":
            return "--reason TEXT"
        case "variable":
            return f"--var {need.value}=VALUE"
        case "region":
            return "AWS_REGION, or `region` in the environment of the manifest"
        case "profile":
            return "AWS_PROFILE, or `profile` in the environment of the manifest"
        case "all":
            return " (`plan --json`, with the same arguments, has all)"
        case "traceback":
            return "`--verbose` shows where."
    return _key(need)


class StackConfig:
    """Says it by `pulumi config set`, for the root program.

    Attributes:
        stack: whose config it is.
        given: how many entries `allow`, `replace`, `force` and `reason` have already.
        plan: the command that shows the same release as JSON.
        asked: by kind, what this process has been asked for: each takes the next place of its list.
    """

    def __init__(
        self, stack: str, given: Mapping[str, int], plan: str = "", asked: dict[str, list[str]] | None = None
    ) -> None:
        self.stack = stack
        self.given = given
        self.plan = plan
        self.asked = {} if asked is None else asked

    def __call__(self, need: Need) -> str:
        """Return the words for a need."""
        match need.kind:
            case "replace" | "allow":
                return self._added(need)
            case "force":
                reason = "" if self.given.get("reason") else f" and {self._set('reason', 'TEXT')}"
                return self._added(need) + reason
            case "reason":
                return self._set("reason", "TEXT")
            case "variable":
                return self._set("--path", f"variables.{need.value}", "VALUE", "--type", "string")
            case "region" | "profile":
                key = f"aws:{need.kind}"
                return (
                    f"`{need.kind}` in the environment of the manifest, {self._set(key, need.kind.upper())}, "
                    f"or AWS_{need.kind.upper()}"
                )
            case "without":
                return f"`pulumi config rm {need.value} -s {shlex.quote(self.stack)}`"
            case "all":
                return f" (`{self.plan}` has all)" if self.plan else ""
            case "traceback":
                return ""
        return _key(need)

    def _added(self, need: Need) -> str:
        with _lock:
            asked = self.asked.setdefault(need.kind, [])
            if need.value not in asked:
                asked.append(need.value)
            place = self.given.get(need.kind, 0) + asked.index(need.value)
        return self._set("--path", f"{need.kind}[{place}]", need.value)

    def _set(self, *words: str) -> str:
        # Named, as the stack that runs need not be the one that is selected.
        return f"`{shlex.join(['pulumi', 'config', 'set', *words, '-s', self.stack])}`"


def resource_arguments(need: Need) -> str:
    """Say it by the arguments of PackageVersion and Promotion."""
    digest = _literal(need.value.rpartition("=")[2])
    match need.kind:
        case "replace":
            return f"the argument `replace={digest}`"
        case "force":
            return f'the arguments `force={digest}, reason="TEXT"`'
        case "reason":
            return 'the argument `reason="TEXT"`'
        case "region" | "profile":
            upper = need.kind.upper()
            return f'the argument `{need.kind}="{upper}"`, `pulumi config set aws:{need.kind} {upper}`, or AWS_{upper}'
        case "finalize" | "status":
            return f'`{need.kind}="{need.value}"`'
        case "all" | "traceback":
            return ""
    return call_arguments(need)


def call_arguments(need: Need) -> str:
    """Say it by the arguments of publish_manifest()."""
    value = _literal(need.value)
    match need.kind:
        case "replace" | "allow":
            return f"the argument `{need.kind}=[{value}]`"
        case "force":
            return f'the arguments `force=[{value}], reason="TEXT"`'
        case "reason":
            return 'the argument `reason="TEXT"`'
        case "variable":
            return f'the argument `variables={{{value}: "VALUE"}}`'
        case "region" | "profile":
            upper = need.kind.upper()
            return (
                f"`{need.kind}` in the environment of the manifest, `pulumi config set aws:{need.kind} {upper}`, "
                f"or AWS_{upper}"
            )
        case "without":
            return f"leave the argument `{need.value}` out"
        case "all" | "traceback":
            return ""
    return _key(need)


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _key(need: Need) -> str:
    return f"`{need.kind}: {need.value}`" if need.value else need.kind


def front_of(told: Mapping[str, Any], asked: dict[str, list[str]]) -> Front:
    """Return the front that a program has told its plugin of: what `told_of` returned."""
    if "stack" in told:
        return StackConfig(told["stack"], told["given"], told["plan"], asked)
    return call_arguments if told else resource_arguments


def told_of(front: Front) -> dict[str, Any]:
    """Return a front as JSON values."""
    if isinstance(front, StackConfig):
        return {"stack": front.stack, "given": dict(front.given), "plan": front.plan}
    return {"call": "publish_manifest"} if front is call_arguments else {}


_lock = threading.Lock()
