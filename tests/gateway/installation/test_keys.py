import pytest
from cryptography.fernet import Fernet

from gateway.config import ConfigError
from gateway.keys import SecretKeyError, SecretKeys

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_keys_decrypt_what_an_older_key_has_encrypted() -> None:
    token = SecretKeys([OLD]).encrypt("secret")
    assert SecretKeys([NEW, OLD]).decrypt(token) == "secret"


def test_keys_encrypt_with_the_newest() -> None:
    token = SecretKeys([NEW, OLD]).encrypt("secret")
    assert SecretKeys([NEW]).decrypt(token) == "secret"


def test_keys_without_the_right_one_say_which_setting_it_is() -> None:
    with pytest.raises(SecretKeyError, match="GATEWAY_SECRET_KEYS"):
        SecretKeys([NEW]).decrypt(SecretKeys([OLD]).encrypt("secret"))


def test_keys_derive_one_key_each_newest_first_apart_by_purpose() -> None:
    old, new = SecretKeys([OLD]), SecretKeys([NEW, OLD])
    assert new.derive("award-token")[1] == old.derive("award-token")[0]
    assert [len(key) for key in new.derive("award-token")] == [32, 32]
    assert old.derive("award-token") != old.derive("request-id")


@pytest.mark.parametrize("keys", [[], [""], ["short"], [OLD, "žluťoučký"], [OLD[:-4]]])
def test_keys_malformed_are_refused_without_being_shown(keys: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        SecretKeys(keys)
    assert "GATEWAY_SECRET_KEYS" in str(caught.value)
    assert not any(key in str(caught.value) for key in keys if key)


def test_keys_are_not_in_their_repr() -> None:
    assert OLD not in repr(SecretKeys([OLD]))
