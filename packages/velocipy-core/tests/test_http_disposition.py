"""Content-Disposition: names of every kind become one header that every browser reads alike."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.http.disposition import MAX_NAME, content_disposition, display_name
from velocipy.http.headers import check_header


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        (None, "attachment"),
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ("Größe.txt", "attachment; filename=\"Gr__e.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.txt"),
        ("日本.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
        ("😀", "attachment; filename=\"_\"; filename*=UTF-8''%F0%9F%98%80"),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
        ("it's;x=1,(2).txt", 'attachment; filename="it\'s;x=1,(2).txt"'),
        ("../../etc/passwd", 'attachment; filename=".._.._etc_passwd"'),
        ("C:\\a\\b.txt", 'attachment; filename="C:_a_b.txt"'),
        ("a\r\nSet-Cookie: x=1", 'attachment; filename="a_Set-Cookie: x=1"'),
        ("a\x00b", 'attachment; filename="a_b"'),
        ("invoice\u202efdp.exe", 'attachment; filename="invoice_fdp.exe"'),
        ("\ud800.txt", 'attachment; filename="_.txt"'),
        ("", 'attachment; filename="download"'),
        ("   ", 'attachment; filename="download"'),
    ],
)
def test_the_header_of_a_name(filename: str | None, header: str) -> None:
    assert content_disposition("attachment", filename) == header
    assert content_disposition("inline", filename) == "inline" + header.removeprefix("attachment")


@pytest.mark.parametrize("kind", ["", "Attachment", "form-data", 'attachment; filename="x"', "inline\r\n"])
def test_a_disposition_is_one_of_two(kind: str) -> None:
    with pytest.raises(ValueError, match="'attachment' or 'inline'"):
        content_disposition(kind, "a.txt")


def test_a_long_name_keeps_its_extension() -> None:
    assert display_name("x" * 5_000 + ".pdf") == "x" * (MAX_NAME - 4) + ".pdf"
    assert display_name("x" * 5_000) == "x" * MAX_NAME
    assert display_name("x." + "y" * 5_000) == "x." + "y" * (MAX_NAME - 2)
    assert len(content_disposition("attachment", "日" * 5_000)) < 2_500


@pytest.mark.case(65)
@given(st.text(st.characters(), max_size=300))
def test_every_name_is_a_header_that_says_it(filename: str) -> None:
    header = content_disposition("attachment", filename)
    check_header("content-disposition", header)
    match = re.fullmatch(r"attachment; filename=\"([^\"\\%]+)\"(?:; filename\*=UTF-8''([^ '\"]+))?", header)
    assert match is not None
    assert (unquote(match[2]) if match[2] else match[1]) == display_name(filename)
