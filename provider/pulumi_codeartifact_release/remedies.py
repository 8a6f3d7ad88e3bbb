"""How a front end words what a person has to do about an error: options, stack config, or arguments.

command_line(Need("allow", "endpoint"))                     # "--allow endpoint"
StackConfig("dev", {"allow": 1})(Need("allow", "endpoint"))  # "`pulumi config set --path 'allow[1]' endpoint -s dev`"

An error names what it needs as a `Need`. The front end that prints the error turns each `Need` into a text.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias


class Need(NamedTuple):
    """Something that only a person can set.

    Attributes:
        kind: what it is:
            `replace`, `force`, `allow`: a permission;
            `reason`: the reason for `force`;
            `variable`: a variable of the manifest;
            `region`, `profile`: an AWS setting;
            `finalize`, `status`: a key of the manifest;
            `without`: remove a setting;
            `all`, `traceback`: where to see what the message omits.
        value: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST, a value, or the name of a variable or setting; may be "".
    """

    kind: str
    value: str = ""


VERSION_WITH_DIGEST = "NAMESPACE/PACKAGE@VERSION=sha256:DIGEST"
"""The format of a permission to replace or to force."""
Text: TypeAlias = "str | tuple[str | Need, ...]"
"""A message, or the parts of one."""
Front: TypeAlias = Callable[[Need], str]
"""Returns the text for a need, as one front end words it."""


def render(text: Text, front: Front) -> str:
    """Return a message as one text, with its needs worded by `front`."""
    return text if isinstance(text, str) else "".join(part if isinstance(part, str) else front(part) for part in text)


def command_line(need: Need) -> str:
    """Return the text for a need: an option of the command line."""
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
        case "without":
            return f"leave --{need.value} out"
        case "traceback":
            return "`--verbose` shows where."
    return _key(need)


class StackConfig:
    """Words needs as `pulumi config set` commands, for the root program.

    Attributes:
        stack: name of the stack whose config is set.
        lengths: the number of entries that the stack config has under `allow`, `replace`, `force` and `reason`.
        plan: the command that prints the same release as JSON; "" if there is none.
        suggested: kind -> values that this process has suggested; each takes the next index of its list.
    """

    def __init__(
        self, stack: str, lengths: Mapping[str, int], plan: str = "", suggested: dict[str, list[str]] | None = None
    ) -> None:
        self.stack = stack
        self.lengths = lengths
        self.plan = plan
        self.suggested = {} if suggested is None else suggested

    def __call__(self, need: Need) -> str:
        """Return the text for a need."""
        match need.kind:
            case "replace" | "allow":
                return self._append(need)
            case "force":
                reason = "" if self.lengths.get("reason") else f" and {self._set('reason', 'TEXT')}"
                return self._append(need) + reason
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

    def _append(self, need: Need) -> str:
        with _lock:
            suggested = self.suggested.setdefault(need.kind, [])
            if need.value not in suggested:
                suggested.append(need.value)
            index = self.lengths.get(need.kind, 0) + suggested.index(need.value)
        return self._set("--path", f"{need.kind}[{index}]", need.value)

    def _set(self, *words: str) -> str:
        # With `-s`, because the stack that runs may not be the selected one.
        return f"`{shlex.join(['pulumi', 'config', 'set', *words, '-s', self.stack])}`"


def resource_arguments(need: Need) -> str:
    """Return the text for a need: an argument of PackageVersion or Promotion."""
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
    """Return the text for a need: an argument of publish_manifest()."""
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


def resource_properties(need: Need) -> str:
    """Return the text for a need: a property of a resource of the native provider, or its configuration."""
    match need.kind:
        case "replace":
            return f"`replace: {need.value.rpartition('=')[2]}`"
        case "force":
            return f"`force: {need.value.rpartition('=')[2]}` and `reason: TEXT`"
        case "reason":
            return "`reason: TEXT`"
        case "allow":
            return f"`pulumi config set --path 'codeartifact-release:allow[0]' {need.value}`"
        case "variable":
            return f"`variables: {{{need.value}: VALUE}}`"
        case "region" | "profile":
            upper = need.kind.upper()
            return (
                f"`{need.kind}: {upper}`, `pulumi config set codeartifact-release:{need.kind} {upper}`, or AWS_{upper}"
            )
        case "without":
            return f"leave `{need.value}` out"
        case "all":
            return " (`pulumi preview --diff` has all, in `assets`)"
        case "traceback":
            return ""
    return _key(need)


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _key(need: Need) -> str:
    return f"`{need.kind}: {need.value}`" if need.value else need.kind


def front_from_json(value: Mapping[str, Any], suggested: dict[str, list[str]]) -> Front:
    """Return the front that `front_to_json` encoded. `suggested` is shared by the errors of one plugin process."""
    if "stack" in value:
        return StackConfig(value["stack"], value["lengths"], value["plan"], suggested)
    return call_arguments if value else resource_arguments


def front_to_json(front: Front) -> dict[str, Any]:
    """Return a front as JSON values, for the plugin process."""
    if isinstance(front, StackConfig):
        return {"stack": front.stack, "lengths": dict(front.lengths), "plan": front.plan}
    return {"call": "publish_manifest"} if front is call_arguments else {}


_lock = threading.Lock()
