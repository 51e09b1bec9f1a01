import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakboard.schemas import CorruptData, MissingData, Secret

KEY = bytes(range(32))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
calls = st.lists(texts, min_size=1, max_size=4)


@given(calls, calls)
def test_different_purposes_and_parts_never_share_a_digest(a: list[str], b: list[str]) -> None:
    same = Secret(KEY).digest(*a) == Secret(KEY).digest(*b)
    assert same == (a == b)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("sample", "ab", "c"), ("sample", "a", "bc")),
        (("sample", "a"), ("image", "a")),
        (("sample", "a"), ("sample", "a", "")),
        (("sample", "", "a"), ("sample", "a", "")),
        (("samplea",), ("sample", "a")),
    ],
    ids=str,
)
def test_neither_purpose_nor_part_boundaries_can_be_shifted(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert Secret(KEY).digest(*one) != Secret(KEY).digest(*other)


def test_the_digest_is_hmac_sha256_over_length_prefixed_parts() -> None:
    message = b"\0\0\0\6sample" + b"\0\0\0\3\xc3\xa9a"
    expected = hmac.new(KEY, message, hashlib.sha256).digest()
    assert Secret(KEY).digest("sample", "éa") == expected
    assert Secret(KEY).identifier("sample", "éa") == expected.hex()[:32]
    assert Secret(KEY).seed("sample", "éa") == int(expected.hex()[:16], 16) // 2


def test_another_key_gives_another_id_and_another_commitment() -> None:
    other = Secret(bytes(32))
    assert Secret(KEY).identifier("sample", "a") != other.identifier("sample", "a")
    assert Secret(KEY).commitment() != other.commitment()


def test_the_key_shows_neither_in_print_nor_as_a_plain_hash_in_the_commitment() -> None:
    secret = Secret(KEY)
    assert KEY.hex() not in repr(secret)
    assert repr(KEY) not in repr(secret)
    assert secret.commitment() != hashlib.sha256(KEY).hexdigest()


def test_a_secret_is_made_once_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "truth" / "secret.key"
    made = Secret.read_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Secret.read_or_make(path) == made == Secret.read(path)
    assert made != Secret.read_or_make(tmp_path / "other.key")


@pytest.mark.parametrize("content", [b"", b"ab", b"zz" * 32, b"00" * 33, b"\xff" * 64])
def test_a_file_that_is_no_secret_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(CorruptData, match=r"secret\.key: expected a secret of 64 hexadecimal"):
        Secret.read_or_make(path)
    assert path.read_bytes() == content


def test_an_absent_secret_is_missing_data(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"secret\.key: the secret cannot be read"):
        Secret.read(tmp_path / "secret.key")
