"""The account of an access key."""

from __future__ import annotations

import pytest

from pulumi_codeartifact_release.local_registry.credentials import Keyring
from pulumi_codeartifact_release.registry.access_keys import account_of_key


@pytest.mark.parametrize(
    ("key", "account"),
    [
        # Published with its account by several who have explained the format.
        ("ASIAQNZGKIQY56JQ7WML", "029608264753"),
        ("ASIAY34FZKBOKMUTVV7A", "609629065308"),
        ("AKIAIOSFODNN7EXAMPLE", None),
        ("111122223333", "111122223333"),
        ("test", None),
        ("", None),
        ("AROAQNZGKIQY56JQ7WML", None),
        ("AKIA0000000000000000", None),
        ("AKIA7777777777777777", None),
    ],
)
def test_the_account_is_decoded_if_the_key_contains_it(key: str, account: str | None) -> None:
    assert account_of_key(key) == account


@pytest.mark.parametrize("account", ["000000000000", "000000000001", "111122223333", "999999999999"])
def test_a_key_of_an_embedded_registry_contains_its_account(account: str) -> None:
    keys = {Keyring().issue(account).access_key_id for _ in range(20)}
    assert {account_of_key(key) for key in keys} == {account}
    assert len(keys) == 20
