"""Rotation: the first key encrypts, all decrypt."""

import pytest
from cryptography.fernet import Fernet

from loyalty_service.keys import Keys, UndecryptableError

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_value_under_an_old_key_is_read_while_the_key_is_kept() -> None:
    encrypted = Keys([OLD]).encrypt("made-up-token")

    assert Keys([NEW, OLD]).decrypt(encrypted) == "made-up-token"


def test_first_key_encrypts() -> None:
    encrypted = Keys([NEW, OLD]).encrypt("made-up-token")

    assert "made-up-token" not in encrypted
    assert Keys([NEW]).decrypt(encrypted) == "made-up-token"


def test_value_of_other_keys_is_an_error_without_the_value() -> None:
    encrypted = Keys([OLD]).encrypt("made-up-token")

    with pytest.raises(UndecryptableError) as caught:
        Keys([NEW]).decrypt(encrypted)

    assert encrypted not in str(caught.value)


def test_derived_keys_are_stable_and_differ_by_purpose() -> None:
    keys = Keys([OLD])

    assert keys.derive("one") == Keys([OLD, NEW]).derive("one")
    assert len({keys.derive("one"), keys.derive("other"), Keys([NEW]).derive("one")}) == 3
    assert len(keys.derive("one")) == 32
