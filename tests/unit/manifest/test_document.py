from __future__ import annotations

import pytest
import yaml

from pulumi_codeartifact_release.manifest.document import Node, parse

from .conftest import Project


def problems(text: str | bytes) -> list[str]:
    found = parse(text if isinstance(text, bytes) else text.encode()).problems
    return [f"{each.line}:{each.column} {each.key}: {each.message}" for each in found]


def plain(node: Node | None) -> object:
    assert node is not None
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


@pytest.mark.parametrize(
    "text",
    ["1.10", "yes", "null", "~", "2024-01-01", "0x10", "1e3", "010", "1_000", ".inf", "true", "12:30:45", "!!int 7"],
)
def test_every_scalar_is_the_text_that_was_written(text: str) -> None:
    assert plain(parse(f"key: {text}".encode()).root) == {"key": text.removeprefix("!!int ")}


def test_every_key_and_value_has_its_line_and_column() -> None:
    root = parse("ä: x\nlist:\n  - one\n  - {key: two}\n".encode()).root
    assert root is not None
    assert isinstance(root.value, dict)
    assert root.keys == {"ä": (1, 1), "list": (2, 1)}
    items = root.value["list"].value
    assert isinstance(items, list)
    assert items[0].position == (3, 5)
    assert items[1].keys == {"key": (4, 6)}


def test_aliases_and_merge_keys_are_expanded() -> None:
    text = "base: &base {a: 1, b: 2}\none: {<<: *base, b: 3}\nmany: {<<: [{c: 4}, *base]}\nalias: *base\n"
    assert plain(parse(text.encode()).root) == {
        "base": {"a": "1", "b": "2"},
        "one": {"b": "3", "a": "1"},
        "many": {"c": "4", "a": "1", "b": "2"},
        "alias": {"a": "1", "b": "2"},
    }


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert plain(parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").root) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1 : the manifest is empty: it needs `schemaVersion`, `packages` and `environments`"),
        ("# only a comment\n", "1:1 : the manifest is empty: it needs `schemaVersion`, `packages` and `environments`"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "4:3 b.c: duplicate key (first defined on line 3)"),
        ("a: 1\n---\nb: 2\n", "2:1 : a second document starts here; a manifest is one YAML document"),
        (
            "a: !!python/object/apply:os.system ['true']\n",
            "1:4 a: the tag `!!python/object/apply:os.system` is not allowed: "
            "a manifest contains only text, lists and mappings",
        ),
        ("a: !env X\n", "1:4 a: the tag `!env` is not allowed: a manifest contains only text, lists and mappings"),
        (
            "a: !!binary eA==\n",
            "1:4 a: the tag `!!binary` is not allowed: a manifest contains only text, lists and mappings",
        ),
        (
            "a: *nope\n",
            "1:4 a: the alias *nope has no anchor before it; put a value that starts with one of * & @ ` % in quotes",
        ),
        ("a: &a [x, *a]\n", "1:11 a[1]: the alias *a refers to itself"),
        ("<<: text\n", '1:5 ["<<"]: `<<` requires an alias of a mapping, or a list of them'),
        ("? [a, b]\n: c\n", "1:3 : a key must be text; put it in quotes"),
        ("x: &x {a: 1}\n*x : c\n", "2:1 : a key must be text; put it in quotes"),
        ("a: 1\n\x07b: 2\n", "2:1 : the control character U+0007 is not allowed in YAML; remove it"),
        ("a: [1, 2\n", "2:1 : not valid YAML: did not find expected ',' or ']'"),
        (
            "a: [${version}]\n",
            "1:6 : not valid YAML: did not find expected ',' or ']'; "
            "inside [ ] and { }, put a value that contains ${…} in quotes",
        ),
        (
            "a:\n  - *.zip\n",
            "2:6 : not valid YAML: did not find expected alphabetic or numeric character; "
            "put a value that starts with one of * & @ ` % in quotes",
        ),
        (
            "a: @home\n",
            "1:4 : not valid YAML: found character that cannot start any token; "
            "put a value that starts with one of * & @ ` % in quotes",
        ),
        (
            "a:\n\tb: 1\n",
            "2:1 : not valid YAML: found character that cannot start any token; indent with spaces",
        ),
    ],
)
def test_a_yaml_error_is_reported_once_with_its_position(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_bytes_that_are_not_utf_8_are_refused_with_their_offset() -> None:
    assert problems(b"a: 1\nb: \xff\n") == ["2:4 : not UTF-8: byte 0xff at offset 8; save the file as UTF-8"]
    assert problems("a: ü".encode("utf-16"))[0].startswith("1:1 : not UTF-8: byte 0xff at offset 0")


def test_several_yaml_errors_are_reported_together() -> None:
    assert [each.split(" ")[0] for each in problems("a: !x 1\na: 2\nb: *c\n")] == ["1:4", "2:1", "3:4"]


def test_a_quoted_merge_key_is_a_key_like_any_other() -> None:
    assert plain(parse(b'"<<": x\n').root) == {"<<": "x"}


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = problems("\n".join(lines))
    assert problem.endswith(": the manifest has more than 200,000 values, aliases expanded")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_and_never_overflows_the_stack(opening: str) -> None:
    (problem,) = problems(opening * 100_000)
    assert problem.endswith(": the manifest is nested more than 50 levels deep")


def test_nesting_through_aliases_counts_as_depth() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60)]
    (problem,) = problems("\n".join(lines))
    assert problem.endswith(": the manifest is nested more than 50 levels deep")


def test_a_file_over_the_limit_is_refused_before_it_is_parsed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(yaml, "parse", never)
    assert project.problems(b"#" * (10 * 1024 * 1024 + 1)) == ["1:1 : the manifest is larger than 10 MiB"]
