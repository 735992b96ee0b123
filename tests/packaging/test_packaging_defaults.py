"""The page of secure defaults says what is so: every value is looked up, every test that it names is there. Knows the page's table."""

import pytest
from security_pages import Setting, default_of, missing, settings

# What the table must speak of: the properties by which frameworks are compared.
PROPERTIES = [
    *("Body", "Form", "Host", "CSRF", "Session cookie", "Browser headers", "HSTS and https", "Escaping"),
    *(
        "Error detail",
        "Docs",
        "Proxies",
        "CORS",
        "Rate limit",
        "WebSocket origin",
        "Methods",
        "JSON",
        "Slow clients",
    ),
]


def test_every_property_has_a_row() -> None:
    assert [name for name in PROPERTIES if name not in {row.property for row in settings()}] == []


@pytest.mark.parametrize("row", settings(), ids=lambda row: f"{row.property}-{row.set_by.strip('`')}")
def test_a_row_says_the_real_default_and_names_tests_that_are_there(row: Setting) -> None:
    assert missing(row.held_by) == []
    assert "case" in row.held_by or "`test_" in row.held_by
    assert (row.set_by == "-") == (row.value == "-")
    if row.set_by != "-":
        wanted = eval(row.value.strip("`"), {"__builtins__": {}})
        found = default_of(row.set_by.strip("`"))
        assert (found, type(found)) == (wanted, type(wanted))


def test_a_wrong_row_would_be_seen() -> None:
    assert default_of("velocipy.VelociPy(debug)") is False
    assert missing("case 9999, `test_nowhere.py::test_x`, `test_packaging_defaults.py::test_none`") == [
        "case 9999",
        "test_nowhere.py::test_x",
        "test_packaging_defaults.py::test_none",
    ]
    with pytest.raises(KeyError):
        default_of("velocipy.VelociPy(safety)")
