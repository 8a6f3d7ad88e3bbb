"""Edits of a manifest: exactly the intended change, and every other byte as it was."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from pulumi_codeartifact_release.errors import UsageError
from pulumi_codeartifact_release.manifest import Patch, edit, load, unified_diff

from .conftest import Project
from .test_load import COMPLETE

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PATH = Path("release.yaml")
ROOT = Path(__file__).parents[3]
EXAMPLES = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("examples/**/release.yaml"))]
PROD = "environments:\n  prod:\n    domain: acme\n"


def pin(name: str = "acme/app", version: str = "1.4.2", digest: str = A) -> Patch:
    return {"environments": {"prod": {"pins": {name: {"version": version, "digest": digest}}}}}


def withdrawal(name: str, reason: str = "bad") -> Patch:
    return {"withdrawn": {name: {"digest": A, "reason": reason}}}


def edited(text: str, patch: Patch) -> str:
    return edit(PATH, text.encode(), patch).decode()


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:3] not in ("---", "+++") and line[0] != "@"]


FLOW = f'acme/app: {{version: 1.4.2, digest: "{A}"}}'


@pytest.mark.parametrize(
    ("before", "patch", "changes"),
    [
        pytest.param(PROD, pin(), ["+    pins:", f"+      {FLOW}"], id="the first pin"),
        pytest.param(
            PROD + "    pins: {}  # none yet\n",
            pin(),
            ["-    pins: {}  # none yet", "+    pins:  # none yet", f"+      {FLOW}"],
            id="an empty mapping",
        ),
        pytest.param(
            PROD + "    pins:\n      'acme/z': { version: '1', digest: \"x\" }  # c\n",
            pin(),
            [f"+      'acme/app': {{ version: '1.4.2', digest: \"{A}\" }}"],
            id="the style of the entry before",
        ),
        pytest.param(
            PROD + '    pins:\n        acme/z:\n            version: 1\n            digest: "x"\n        # end\n',
            pin(),
            ["+        acme/app:", "+            version: 1.4.2", f'+            digest: "{A}"'],
            id="a block mapping with its indentation",
        ),
        pytest.param(
            PROD + f"    pins:\n      acme/app: {{version: \"1.4.1\", digest: '{B}'}}  # reviewed\n",
            pin(),
            [
                f"-      acme/app: {{version: \"1.4.1\", digest: '{B}'}}  # reviewed",
                f"+      acme/app: {{version: \"1.4.2\", digest: '{A}'}}  # reviewed",
            ],
            id="a changed pin with its quotes",
        ),
        pytest.param(
            PROD + f'    pins:\n      acme/app: {{digest: "{A}", version: 1.4.1}}\n',
            pin(version="1.10"),
            [
                f'-      acme/app: {{digest: "{A}", version: 1.4.1}}',
                f'+      acme/app: {{digest: "{A}", version: "1.10"}}',
            ],
            id="a version that YAML reads as a number gets quotes",
        ),
        pytest.param(
            "environments:\n  prod: {domain: acme}  # c\n",
            pin(),
            ["-  prod: {domain: acme}  # c", f"+  prod: {{domain: acme, pins: {{{FLOW}}}}}  # c"],
            id="braces on one line",
        ),
        pytest.param(
            "environments:\n  prod: {\n    domain: acme  # c\n  }\n",
            pin(),
            ["-    domain: acme  # c", "+    domain: acme,  # c", f"+    pins: {{{FLOW}}}"],
            id="braces on several lines",
        ),
        pytest.param(
            "environments:\n  prod: {\n    domain: acme,  # c\n  }\n",
            pin(),
            [f"+    pins: {{{FLOW}}},"],
            id="a comma after the last entry",
        ),
        pytest.param(
            '{\n  "environments": {\n    "prod": {\n      "pins": {}\n    }\n  }\n}\n',
            pin(),
            [
                '-      "pins": {}',
                f'+      "pins": {{"acme/app": {{"version": "1.4.2", "digest": "{A}"}}}}',
            ],
            id="JSON stays JSON",
        ),
        pytest.param(
            PROD,
            withdrawal("acme/app@1"),
            ["+withdrawn:", f'+  acme/app@1: {{digest: "{A}", reason: bad}}'],
            id="new key",
        ),
        pytest.param(
            PROD,
            withdrawal("acme/app@1", 'it\'s ${bad}: "x"'),
            ["+withdrawn:", f'+  acme/app@1: {{digest: "{A}", reason: "it\'s $${{bad}}: \\"x\\""}}'],
            id="a placeholder in a text is escaped",
        ),
        pytest.param(
            PROD + "withdrawn:\n  acme/a@1: {reason: x}\n  # why\n  acme/b@1: {reason: y}\n",
            {"withdrawn": {"acme/b@1": None}},
            ["-  acme/b@1: {reason: y}"],
            id="a removed entry",
        ),
        pytest.param(
            PROD + "withdrawn:\n  acme/a@1: {reason: x}\n",
            {"withdrawn": {"acme/a@1": None}},
            ["-withdrawn:", "-  acme/a@1: {reason: x}"],
            id="the last entry is removed with its mapping",
        ),
        pytest.param(
            "a: {b: 1, c: 2, d: 3}\n",
            {"a": {"c": None, "d": None}},
            ["-a: {b: 1, c: 2, d: 3}", "+a: {b: 1}"],
            id="braces",
        ),
        pytest.param(
            "a: {b: 1, c: 2, d: 3,}\n",
            {"a": {"b": None, "d": None}},
            ["-a: {b: 1, c: 2, d: 3,}", "+a: {c: 2,}"],
            id="comma",
        ),
        pytest.param(
            "a:\n  b: |\n    text\n\n\n# c\nd: x\n",
            {"a": {"b": "new"}},
            ["-  b: |", "-    text", "+  b: new"],
            id="block text",
        ),
        pytest.param("a:\n  b: |\n    text\n\n\n# c\n", {"a": {"e": "x"}}, ["+  e: x"], id="after a block text"),
        pytest.param(
            "☃: 😀\na: {b: 😀}\n", {"a": {"c": "x"}}, ["-a: {b: 😀}", "+a: {b: 😀, c: x}"], id="wide characters"
        ),
        pytest.param(
            "a: {b: *c}\n".replace("*c", "&c 1") + "d: *c\n", {"d": "2"}, ["-d: *c", '+d: "2"'], id="an alias"
        ),
        pytest.param("a: {b: &c 1}\n", {"a": {"b": "x"}}, ["-a: {b: &c 1}", "+a: {b: &c x}"], id="an anchor stays"),
    ],
)
def test_an_edit_changes_these_lines(before: str, patch: Patch, changes: list[str]) -> None:
    assert changed_lines(before, edited(before, patch)) == changes


ALIAS = "environments:\n  dev: &dev\n    pins:\n      acme/z: {version: 1}\n  prod:"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{ALIAS} *dev\n", "environments.prod cannot be changed in place: it is an alias"),
        (
            f"{ALIAS}\n    <<: *dev\n",
            'environments.prod.pins["acme/z"] cannot be changed in place: '
            "the edit would change another value too; it may be shared by an alias",
        ),
        (
            "environments:\n  prod:\n    pins: &pins\n      acme/z: {version: 1}\n  dev:\n    pins: *pins\n",
            'environments.dev.pins["acme/app"] cannot be changed in place: '
            "the edit would change another value too; it may be shared by an alias",
        ),
        ("environments:\n  prod: [a]\n", "environments.prod cannot be changed in place: it is not a mapping"),
        (
            "environments:\n  ? prod\n  : pins: {acme/app: [x]}\n",
            'environments.prod.pins["acme/app"] cannot be changed in place: it is not a mapping',
        ),
    ],
)
def test_an_edit_that_would_change_more_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        edited(text, pin())
    assert str(error.value) == f"release.yaml: {message}\nMake this change in an editor, or simplify the YAML."


def test_an_entry_that_shares_its_line_is_not_removed() -> None:
    with pytest.raises(UsageError, match=r"a\.b cannot be changed in place: it is not on lines of its own"):
        edited("a:\n  ? b\n  : c\n  d: e\n", {"a": {"b": None}})


def test_line_ends_byte_order_mark_and_a_missing_final_newline_stay() -> None:
    before = "\ufeff" + PROD.replace("\n", "\r\n").removesuffix("\r\n")
    assert edited(before, pin()) == f"{before}\r\n    pins:\r\n      {FLOW}"


def test_the_diff_is_printable_and_says_where_no_newline_is() -> None:
    before, after = "a: \u202ex\nb: 1".encode(), "a: \u202ex\nb: 2".encode()
    assert unified_diff(PATH, before, after) == (
        "--- a/release.yaml\n+++ b/release.yaml\n@@ -1,2 +1,2 @@\n a: \\u202ex\n"
        "-b: 1\n\\ No newline at end of file\n+b: 2\n\\ No newline at end of file\n"
    )


def test_the_result_loads_with_exactly_the_intended_pin(project: Project) -> None:
    path = project.write(COMPLETE)
    project.file("VERSION", "1.4.2")
    old = load(path, environment="prod")
    new = load(path, environment="prod", content=edit(path, path.read_bytes(), pin("acme/payments-api", "1.5.0", B)))
    pins = new.environments["prod"].pins
    assert {name: (each.version, each.digest) for name, each in pins.items()} == {"acme/payments-api": ("1.5.0", B)}
    assert (new.packages, new.environments["dev"], new.environments["staging"]) == (
        old.packages,
        old.environments["dev"],
        old.environments["staging"],
    )


# --- properties -------------------------------------------------------------------------------------------------------

NAMES = st.text("abz019.-_", min_size=1, max_size=8).map(lambda text: f"acme/{text}")
VERSIONS = st.sampled_from(["1", "1.10", "1e3", "0x1F", "true", "null", "~1", "1.4.2-rc.1+b", "v1", ".5", "-"])
DIGESTS = st.sampled_from([A, B])
REASONS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)


@st.composite
def styled(draw: st.DrawFn) -> str:
    """The text of a manifest's environments, in any style."""
    step = draw(st.integers(1, 4)) * " "
    comment = draw(st.sampled_from(["", "  # c", "\t# {x: y}, 'z'"]))
    blank = draw(st.sampled_from(["", "\n", f"{step}# between: lines\n", "  \n"]))
    quotes = draw(st.sampled_from(["", "'", '"']))
    pins = draw(st.lists(NAMES, max_size=3, unique=True))
    flow = draw(st.sampled_from(["block", "entries", "pins", "lines", "prod"]))
    comma = draw(st.sampled_from(["", ","]))
    entries = [(f"{quotes}{name}{quotes}", f"{quotes}v{at}{quotes}") for at, name in enumerate(pins)]
    body = f"{step}prod:{comment}\n{step * 2}domain: acme{comment}\n{blank}"
    flat = [f'{name}: {{version: {version}, digest: "{B}"}}' for name, version in entries]
    if flow == "prod":
        inner = ", ".join(["domain: acme", *(["pins: {" + ", ".join(flat) + "}"] if flat else [])])
        body = f"{step}prod: {{{inner}{comma}}}{comment}\n"
    elif entries and flow == "block":
        body += f"{step * 2}pins:{comment}\n" + "".join(
            f"{step * 3}{name}:\n{step * 4}version: {version}{comment}\n{blank}{step * 4}digest: '{B}'\n"
            for name, version in entries
        )
    elif entries and flow == "entries":
        body += f"{step * 2}pins:\n" + "".join(f"{step * 3}{each}{comment}\n{blank}" for each in flat)
    elif entries and flow == "pins":
        body += f"{step * 2}pins: {{{', '.join(flat)}{comma}}}{comment}\n"
    elif entries and flow == "lines":
        inner = f",\n{step * 3}".join(flat)
        body += f"{step * 2}pins: {{\n{step * 3}{inner}{comma}{comment}\n{step * 2}}}\n"
    after = draw(st.sampled_from(["", f"{step}dev:\n{step * 2}domain: x\n", "# end\n", "\n\n", "...\n"]))
    head = draw(st.sampled_from(["", "---\n", "# first\n"]))
    text = f"{head}schemaVersion: 1{comment}\nenvironments:\n{body}{after}"
    if draw(st.booleans()):
        text = text.rstrip("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text


MANIFESTS = styled() | st.sampled_from([text for text in [*EXAMPLES, COMPLETE] if "\n  prod:" in text])


def without(text: str, parts: str) -> bool:
    """Whether `text` is `parts` with additions: nothing is missing, and nothing moves."""
    rest = iter(text)
    return all(character in rest for character in parts)


@given(MANIFESTS, NAMES.map(lambda name: f"{name}-new"), VERSIONS, DIGESTS)
def test_a_new_pin_is_only_added_and_its_removal_restores_every_byte(
    text: str, name: str, version: str, digest: str
) -> None:
    added = edited(text, pin(name, version, digest))
    assert without(added, text)
    assert edited(added, {"environments": {"prod": {"pins": {name: None}}}}) == text


@given(MANIFESTS, NAMES, REASONS)
def test_a_withdrawal_is_only_added_and_its_removal_restores_every_byte(text: str, name: str, reason: str) -> None:
    added = edited(text, withdrawal(f"{name}@1", reason))
    assert without(added, text)
    again = edited(added, withdrawal(f"{name}-new@1", reason))
    assert edited(again, {"withdrawn": {f"{name}-new@1": None}}) == added
    assert edited(added, {"withdrawn": {f"{name}@1": None}}) == text


@given(MANIFESTS, VERSIONS, st.data())
def test_a_changed_pin_changes_its_own_values_and_can_be_changed_back(
    text: str, version: str, data: st.DataObject
) -> None:
    pins = yaml.load(text.removeprefix("\ufeff"), yaml.CSafeLoader)["environments"]["prod"].get("pins")
    assume(pins)
    name = data.draw(st.sampled_from(sorted(pins)))
    changed = edited(text, pin(name, version, A))
    pairs = zip(text.splitlines(True), changed.splitlines(True), strict=True)
    assert sum(before != after for before, after in pairs) in (1, 2)
    assert edited(edited(text, pin(name, "v", A)), pin(name, **pins[name])) == text
