"""Signing: what is signed comes back, and nothing that differs by a byte, a purpose, a secret or its age does."""

import hmac
import secrets
import string
from typing import Any

import pytest
from durations import within
from hypothesis import given
from hypothesis import strategies as st

from velocipy import signing
from velocipy.config import Secret
from velocipy.exceptions import ConfigurationError
from velocipy.signing import LEEWAY, Signed, Signer

SECRET = "kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe"
OTHER = "Zp4rT8vN1qXc6bMw3yLk9dHs5gFj2uAe"
NOW = 1_790_000_000

LETTERS = string.ascii_letters + string.digits + "-_.=+/ "


def signer(given: Any = SECRET, purpose: str = "test", now: float = NOW, **options: Any) -> Signer:
    return Signer(given, purpose, clock=lambda: now, **options)


@given(st.binary(max_size=300))
def test_what_is_signed_comes_back(payload: bytes) -> None:
    text = signer().sign(payload)
    assert signer().verify(text) == Signed(payload, NOW)
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.")


@pytest.mark.case(67)
@given(st.binary(max_size=60), st.data())
def test_any_character_that_is_changed_spoils_it(payload: bytes, data: st.DataObject) -> None:
    text = signer().sign(payload)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters() | st.sampled_from(LETTERS))
    changed = text[:place] + letter + text[place + 1 :]
    assert (signer().verify(changed) is None) == (changed != text)


@pytest.mark.case(68)
@given(st.binary(max_size=60), st.data())
def test_what_is_cut_off_or_added_spoils_it(payload: bytes, data: st.DataObject) -> None:
    text = signer().sign(payload)
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, len(text)))
    if (start, stop) != (0, len(text)):
        assert signer().verify(text[start:stop]) is None
    more = data.draw(st.text(LETTERS, min_size=1, max_size=5))
    assert signer().verify(text + more) is None
    assert signer().verify(more + text) is None


@given(st.text(max_size=200) | st.text(LETTERS, max_size=200))
def test_no_text_makes_verifying_fail(text: str) -> None:
    assert signer().verify(text) is None


@pytest.mark.case(68)
@pytest.mark.parametrize("spelling", ["padded", "standard alphabet", "another separator", "other last bits"])
def test_another_spelling_of_the_same_bytes_is_refused(spelling: str) -> None:
    text = signer().sign(b"\xfb\xff\xfe")
    payload, issued, mac = text.split(".")
    assert payload == "-__-"
    last = chr(ord(mac[-1]) + 1)
    other = {
        "padded": f"{text}=",
        "standard alphabet": f"+//+.{issued}.{mac}",
        "another separator": f"{payload}:{issued}:{mac}",
        "other last bits": text[:-1] + last,
    }[spelling]
    assert signer().verify(other) is None


@pytest.mark.case(68)
def test_another_purpose_or_another_secret_is_another_signature() -> None:
    text = signer().sign(b"1")
    assert signer(purpose="tes").verify(text) is None
    assert signer(purpose="test ").verify(text) is None
    assert signer(OTHER).verify(text) is None
    assert signer(SECRET + " ").verify(text) is None


@pytest.mark.case(71)
def test_the_first_secret_signs_and_all_verify_until_one_is_taken_away() -> None:
    old = signer().sign(b"1")
    both = signer([OTHER, SECRET])
    assert both.verify(old) == Signed(b"1", NOW)
    new = both.sign(b"1")
    assert (signer(OTHER).verify(new), signer(OTHER).verify(old)) == (Signed(b"1", NOW), None)
    assert signer().verify(new) is None


@pytest.mark.case(69)
@pytest.mark.parametrize(
    ("later", "valid"),
    [(0, True), (99, True), (100, True), (101, False), (-LEEWAY, True), (-LEEWAY - 1, False), (-3600, False)],
)
def test_it_is_valid_for_max_age_and_not_before_it_was_made(later: int, valid: bool) -> None:
    text = signer().sign(b"1")
    assert (signer(now=NOW + later).verify(text, 100) is not None) == valid


def test_without_max_age_it_is_valid_for_ever_after() -> None:
    assert signer(now=NOW + 10**9).verify(signer().sign(b"1")) is not None


@pytest.mark.case(73)
def test_what_is_too_long_is_refused_before_its_mac_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def note(key: bytes, text: str) -> bytes:
        made.append(key)
        return b""

    monkeypatch.setattr(signing, "_mac", note)
    assert within(0.05, lambda: signer().verify("a" * 1_000_000))
    assert signer().verify("a" * 1_000_000) is None
    assert signer().verify("a" * 4097) is None
    assert made == []
    signer().verify("a" * 4096)
    assert len(made) == 1


def test_more_than_max_size_is_not_signed() -> None:
    small = signer(max_size=80)
    assert len(small.sign(b"x" * 18)) == 79
    with pytest.raises(ValueError, match="signed for 'test' this takes 82 characters of 80"):
        small.sign(b"x" * 20)


def test_macs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []

    def note(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", note)
    assert signer([SECRET, OTHER]).verify(signer().sign(b"1")) is None
    assert len(compared) == 2
    assert all(isinstance(part, bytes) for pair in compared for part in pair)


@pytest.mark.case(72)
@pytest.mark.parametrize(
    ("given", "what"),
    [
        (None, "not NoneType|from 1 to 8"),
        ("", "has 0 bytes and needs 32"),
        (b"", "has 0 bytes"),
        ("short", "has 5 bytes"),
        (SECRET[:31], "has 31 bytes"),
        ([], "from 1 to 8 secrets are needed, not 0"),
        ([SECRET, "short"], "secret 2 has 5 bytes"),
        ([SECRET] * 9, "from 1 to 8"),
        (123, "not int"),
        ([SECRET, 1], "secret 2 is str or bytes, not int"),
        ("change-me-" + SECRET, "looks like a placeholder"),
        ("CHANGEME" + SECRET, "looks like a placeholder"),
        (b"your-secret-" + SECRET.encode(), "looks like a placeholder"),
        ("my super secret key that nobody knows", "looks like a placeholder"),
        ("a" * 64, "looks like a placeholder"),
        ("0123456" * 8, "looks like a placeholder"),
    ],
    ids=repr,
)
def test_a_secret_that_can_be_guessed_is_refused_and_not_quoted(given: Any, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as caught:
        signer(given)
    assert "secrets.token_urlsafe(32)" in str(caught.value)
    assert SECRET not in str(caught.value)


@given(st.integers(0, 2**32))
def test_no_random_secret_is_taken_for_a_placeholder(seed: int) -> None:
    for make in (secrets.token_urlsafe, secrets.token_hex, secrets.token_bytes):
        signer(make(32))


@pytest.mark.parametrize(
    "given", [SECRET.encode(), Secret(SECRET), [Secret(SECRET), OTHER]], ids=["bytes", "config", "list"]
)
def test_a_secret_may_be_text_bytes_or_that_of_a_config(given: Any) -> None:
    assert signer().verify(signer(given).sign(b"1")) is not None
    with pytest.raises(ConfigurationError, match="secret 1 has 5 bytes"):
        signer(Secret("short"))


@pytest.mark.parametrize("purpose", ["", None, b"x"])
def test_a_signer_needs_a_purpose(purpose: Any) -> None:
    with pytest.raises(ConfigurationError, match="purpose"):
        signer(purpose=purpose)


def test_a_signer_shows_no_secret() -> None:
    assert repr(signer()) == "<Signer for 'test'>"


def test_a_secret_that_is_no_utf_8_in_the_environment_signs_too() -> None:
    odd = SECRET + "\udcff"
    assert signer(odd).verify(signer(odd).sign(b"1")) is not None
    assert signer().verify(signer(odd).sign(b"1")) is None
