"""The digest is what coreutils print, so that anybody can check it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fakes import asset
from pulumi_codeartifact_release.publishing import digest


def test_the_digest_is_what_sha256sum_prints_in_a_folder_of_the_assets(tmp_path: Path) -> None:
    contents = {
        "b.txt": b"b",
        "A.txt": b"a",
        "z \u00e9.bin": b"\x00\xff",
        "a-1.txt": b"",
        "\u6587.txt": b"x",
        "a.txt": b"1",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    printed = subprocess.run(
        ["bash", "-c", "LC_ALL=C; sha256sum -- * | sha256sum"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout.split()[0]
    assert digest(asset(name, content) for name, content in contents.items()) == f"sha256:{printed}"


def test_the_digest_does_not_depend_on_order_or_normal_form() -> None:
    one = [asset("a", b"1"), asset("caf\u00e9", b"2")]
    other = [asset("cafe\u0301", b"2"), asset("a", b"1")]
    assert digest(one) == digest(other)


def test_a_name_or_a_byte_more_is_another_digest() -> None:
    assert len({digest([asset("a", b"1")]), digest([asset("b", b"1")]), digest([asset("a", b"2")])}) == 3
