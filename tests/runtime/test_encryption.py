"""Secret keys and their rotation: the first encrypts, all decrypt."""

import pytest
from cryptography.fernet import Fernet

from runtime.encryption import SecretKeyError, SecretKeys

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_keys_decrypt_values_of_an_older_key() -> None:
    token = SecretKeys([OLD]).encrypt("secret")
    assert SecretKeys([NEW, OLD]).decrypt(token) == "secret"


def test_keys_encrypt_with_the_newest() -> None:
    token = SecretKeys([NEW, OLD]).encrypt("secret")
    assert "secret" not in token
    assert SecretKeys([NEW]).decrypt(token) == "secret"


def test_error_for_a_missing_key_says_what_to_do_without_the_stored_value() -> None:
    token = SecretKeys([OLD]).encrypt("secret")
    with pytest.raises(SecretKeyError, match="add that key again") as caught:
        SecretKeys([NEW]).decrypt(token)
    assert token not in str(caught.value)


def test_each_key_derives_one_key_per_purpose_newest_first() -> None:
    old, new = SecretKeys([OLD]), SecretKeys([NEW, OLD])
    assert new.derive("award-token")[1] == old.derive("award-token")[0]
    assert [len(key) for key in new.derive("award-token")] == [32, 32]
    assert old.derive("award-token") != old.derive("request-id")


def test_keys_are_not_in_their_repr() -> None:
    assert OLD not in repr(SecretKeys([OLD]))
