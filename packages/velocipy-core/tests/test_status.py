"""Status codes and close codes: the table holds what the registries say, and the constants are the table."""

import pytest

from velocipy import status
from velocipy.status import BODYLESS, PHRASES, is_ws_code_sendable, phrase


def test_phrases_are_those_of_the_rfc_whatever_python_says():
    """http.HTTPStatus of 3.13 says "Content Too Large" and "Unprocessable Content"."""
    assert phrase(413) == "Payload Too Large"
    assert phrase(414) == "URI Too Long"
    assert phrase(416) == "Range Not Satisfiable"
    assert phrase(422) == "Unprocessable Entity"
    assert phrase(404) == "Not Found"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (299, "Success"),
        (399, "Redirection"),
        (499, "Client Error"),
        (599, "Server Error"),
        (199, "Informational"),
    ],
)
def test_an_unregistered_code_has_the_words_of_its_class(code, words):
    assert phrase(code) == words


@pytest.mark.parametrize("code", [0, 99, 600, 1000, -1])
def test_a_number_that_is_no_status_has_no_words(code):
    assert phrase(code) == ""


def test_every_code_has_one_constant_whose_name_is_its_phrase():
    constants = {name: code for name, code in vars(status).items() if name.startswith("HTTP_")}
    expected = {
        f"HTTP_{code}_{words.upper().replace(chr(39), '').replace('-', '_').replace(' ', '_')}": code
        for code, words in PHRASES.items()
    }
    assert constants == expected


def test_statuses_without_a_body_are_known_to_the_table():
    assert BODYLESS == {204, 205, 304}
    assert BODYLESS <= PHRASES.keys()


def test_close_codes_are_named_after_their_number():
    codes = {name: code for name, code in vars(status).items() if name.startswith("WS_")}
    assert codes["WS_1000_NORMAL_CLOSURE"] == 1000
    assert sorted(codes.values()) == [*range(1000, 1004), *range(1005, 1016)]
    assert all(name.split("_")[1] == str(code) for name, code in codes.items())


def test_only_codes_that_say_something_to_the_peer_can_be_sent():
    sendable = {code for code in range(6000) if is_ws_code_sendable(code)}
    assert sendable == {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}
