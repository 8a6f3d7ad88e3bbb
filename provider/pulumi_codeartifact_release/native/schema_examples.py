"""The examples in schema.json, in YAML, TypeScript, Python and Go.

An example is the type, its name, and its properties as YAML has them; the other languages are made from that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..plugin.spelling import snake

_PYTHON = "pulumi_codeartifact_release_native"
_NODE = "@codeartifact-release/pulumi"
_GO = "example.com/sdks/codeartifact-release"


@dataclass(frozen=True)
class Example:
    """A resource or a function, with its properties."""

    type: str
    name: str
    properties: Mapping[str, Any]
    function: bool = False


_VERSION = {"namespace": "acme", "package": "payments-api", "version": "1.4.2", "domain": "acme", "repository": "dev"}
VERSION = Example("PackageVersion", "app", {**_VERSION, "assets": ["dist/*.tar.gz"]})
PROMOTION = Example(
    "Promotion",
    "staging",
    {
        "source": {**_VERSION, "digest": "sha256:6a3f…"},
        "domain": "acme",
        "repository": "staging",
        "soak": "24h",
    },
)
BUNDLE = Example(
    "Bundle",
    "suite",
    {
        **{**_VERSION, "package": "suite"},
        "members": {
            "acme/db": {"assets": ["build/db.sql"]},
            "acme/api": {"assets": ["build/api-*.zip"], "after": ["acme/db"]},
        },
    },
)
RELEASE = Example("Release", "release", {"manifest": "release.yaml", "environment": "dev"})
GET = Example("getPackageVersion", "app", _VERSION, function=True)
FILES = Example("getPackageVersionFiles", "files", {**_VERSION, "digest": "sha256:6a3f…"}, function=True)

GET_BUNDLE = Example("getBundle", "suite", {**_VERSION, "package": "suite", "digest": "sha256:07a9…"}, function=True)

IMPORT = """
## Import

The ID is `domain/repository/namespace/package/version`. An import needs no files.

```sh
$ pulumi import codeartifact-release:index:PackageVersion app acme/dev/acme/payments-api/1.4.2
```
"""


def examples(example: Example) -> str:
    """Return the section with one example in all languages, as the registry's documentation shows it."""
    blocks = {
        "typescript": _typescript(example),
        "python": _python(example),
        "go": _go(example),
        "yaml": _yaml(example),
    }
    body = "".join(f"```{language}\n{text}```\n\n" for language, text in blocks.items())
    begin, end = "{{% examples %}}\n## Example Usage\n\n{{% example %}}", "{{% /example %}}\n{{% /examples %}}"
    return f"\n{begin}\n{body}{end}\n"


def _yaml(example: Example) -> str:
    token = f"codeartifact-release:{example.type}"
    if example.function:
        body = _yaml_mapping(example.properties, 8)
        return f"variables:\n  {example.name}:\n    fn::invoke:\n      function: {token}\n      arguments:\n{body}"
    return f"resources:\n  {example.name}:\n    type: {token}\n    properties:\n{_yaml_mapping(example.properties, 6)}"


def _yaml_mapping(values: Mapping[str, Any], indent: int) -> str:
    lines = []
    for name, value in values.items():
        start = f"{' ' * indent}{name}:"
        if isinstance(value, Mapping):
            lines.append(f"{start}\n{_yaml_mapping(value, indent + 2)}")
        elif isinstance(value, list):
            lines.append(f"{start}\n" + "".join(f"{' ' * indent}  - {item}\n" for item in value))
        else:
            lines.append(f"{start} {value}\n")
    return "".join(lines)


def _typescript(example: Example) -> str:
    head = f'import * as release from "{_NODE}";\n\n'
    body = _literal(example.properties, "    ", "", lambda name: f"{json.dumps(name) if '/' in name else name}: ")
    if example.function:
        return f"{head}const {example.name} = await release.{example.type}({body});\n"
    return f'{head}const {example.name} = new release.{example.type}("{example.name}", {body});\n'


def _python(example: Example) -> str:
    head = f"import {_PYTHON} as release\n\n"
    call = snake(example.type) if example.function else example.type
    lines = [f"    {snake(name)}={_python_value(value)},\n" for name, value in example.properties.items()]
    first = "" if example.function else f'    "{example.name}",\n'
    return f"{head}{example.name} = release.{call}(\n{first}{''.join(lines)})\n"


def _python_value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = "".join(f"        {json.dumps(snake(name))}: {_python_value(item)},\n" for name, item in value.items())
        return f"{{\n{inner}    }}"
    return json.dumps(value, ensure_ascii=False)


def _go(example: Example) -> str:
    head = f'import (\n\trelease "{_GO}"\n\t"github.com/pulumi/pulumi/sdk/v3/go/pulumi"\n)\n\n'
    name = _exported(example.type)
    value = _go_plain if example.function else _go_value
    fields = "".join(f"\t{_exported(key)}: {value(item)},\n" for key, item in example.properties.items())
    if not example.function:
        call = f'New{name}(ctx, "{example.name}", &release.{name}Args'
    else:
        # The generator calls a function `Lookup…` if a resource has its name.
        function = "LookupPackageVersion" if example is GET else name
        call = f"{function}(ctx, &release.{function}Args"
    return f"{head}{example.name}, err := release.{call}{{\n{fields}}})\n"


def _exported(name: str) -> str:
    return name[0].upper() + name[1:]


def _go_plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _go_value(value: Any) -> str:
    if isinstance(value, Mapping) and any("/" in key for key in value):
        members = "".join(f"\t\t{json.dumps(key)}: {_go_value(item)},\n" for key, item in value.items())
        return f"release.MemberMap{{\n{members}\t}}"
    if isinstance(value, Mapping):
        kind = "Source" if "domain" in value else "Member"
        fields = "".join(f"\t\t{_exported(key)}: {_go_value(item)},\n" for key, item in value.items())
        return f"&release.{kind}Args{{\n{fields}\t}}"
    if isinstance(value, list):
        items = ", ".join(f"pulumi.String({json.dumps(item)})" for item in value)
        return f"pulumi.StringArray{{{items}}}"
    return f"pulumi.String({json.dumps(value, ensure_ascii=False)})"


def _literal(value: Any, step: str, indent: str, key: Any) -> str:
    if isinstance(value, Mapping):
        inner = indent + step
        lines = "".join(f"{inner}{key(name)}{_literal(item, step, inner, key)},\n" for name, item in value.items())
        return f"{{\n{lines}{indent}}}"
    return json.dumps(value, ensure_ascii=False)
