"""The checksums and the digest are what coreutils print, so that anybody can check them."""

from __future__ import annotations

import subprocess
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pulumi_codeartifact_release.publishing.digest import checksums, digest, digest_of, parse_checksums
from support.fakes import asset

CONTENTS = {
    "b.txt": b"b",
    "A.txt": b"a",
    "z \u00e9.bin": b"\x00\xff",
    "a-1.txt": b"",
    "\u6587.txt": b"x",
    "a.txt": b"1",
    "back\\slash": b"2",
    "line\nfeed": b"3",
    "carriage\rreturn": b"4",
    "\\n": b"5",
    "*star": b"6",
    "  two spaces": b"7",
    "line\u2028separator": b"8",
}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60) | st.text(
    "\\\n\r nr*", min_size=1, max_size=8
)


SHELL = "export LC_ALL=C; sha256sum -- *; sha256sum -- * | sha256sum; sha256sum --strict --quiet -c"


@given(st.dictionaries(NAMES, st.binary(max_size=3), min_size=1, max_size=5))
@example(CONTENTS)
@settings(max_examples=25, deadline=None)
def test_the_checksums_are_what_sha256sum_prints_and_checks(contents: dict[str, bytes]) -> None:
    # `*` leaves out hidden files, and sha256sum takes `-` for its standard input.
    normal = {unicodedata.normalize("NFC", name): content for name, content in contents.items()}
    assets = [asset(name, content) for name, content in normal.items() if not name.startswith(".") and name != "-"]
    assume(assets)
    text = checksums(assets)
    with tempfile.TemporaryDirectory() as folder:
        for each in assets:
            (Path(folder) / each.name).write_bytes(normal[each.name])
        ran = subprocess.run(["bash", "-c", SHELL], cwd=folder, check=True, capture_output=True, input=text.encode())
    assert ran.stdout.decode() == f"{text}{digest(assets).removeprefix('sha256:')}  -\n"
    assert digest_of(text) == digest(assets)
    assert parse_checksums(text) == {each.name: each.sha256 for each in assets}


HASH = "0" * 63 + "a"


def test_no_assets_are_an_empty_text() -> None:
    assert checksums([]) == ""
    assert parse_checksums("") == {}


@pytest.mark.parametrize(
    "text",
    [
        f"{HASH}  a",
        f"{HASH}  a\n\n",
        f"\n{HASH}  a\n",
        f"{HASH} a\n",
        f"{HASH} *a\n",
        f"{HASH}  \n",
        f"{HASH.upper()}  a\n",
        f"{HASH[1:]}  a\n",
        f"{HASH}  b\n{HASH}  a\n",
        f"{HASH}  a\n{HASH}  a\n",
        f"{HASH}  a\n{HASH[::-1]}  a\n",
        f"{HASH}  a\\b\n",
        f"{HASH}  a\rb\n",
        f"\\{HASH}  a\n",
        f"\\{HASH}  a\\tb\n",
        f"\\{HASH}  a\\\n",
        f"{HASH}  cafe\u0301\n",
        f"# {HASH}  a\n",
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the output of"):
        parse_checksums(text)


def test_the_digest_does_not_depend_on_order_or_normal_form() -> None:
    one = [asset("a", b"1"), asset("caf\u00e9", b"2")]
    other = [asset("cafe\u0301", b"2"), asset("a", b"1")]
    assert digest(one) == digest(other)


def test_a_name_or_a_byte_more_is_another_digest() -> None:
    assert len({digest([asset("a", b"1")]), digest([asset("b", b"1")]), digest([asset("a", b"2")])}) == 3
