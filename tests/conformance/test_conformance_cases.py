"""Every case of the kit on both of our protocols, in process. Knows which cases need what a protocol lacks, and lists them."""

from __future__ import annotations

import pytest

from velocipy.testing.conformance import CAPABILITIES, CASES, run_in_process

HOSTILE = {
    "a_bad_host_is_refused": (3,),
    "a_cut_body_is_a_disconnect": (17, 18),
    "a_cut_body_never_reaches_the_endpoint": (18,),
    "a_failing_stream_breaks_off": (15,),
    "a_failing_stream_with_a_length_breaks_off": (15,),
    "a_client_that_leaves_ends_the_stream": (17,),
    "a_chunked_body_is_counted": (29,),
    "a_declared_length_over_the_limit_is_413": (29,),
    "a_refusal_has_its_status": (106,),
    "an_endless_body_ends_at_the_limit": (29, 30),
    "an_unhandled_exception_is_a_bare_500": (14,),
    "an_undecodable_path_is_404": (6,),
    "bodies_where_none_may_be_are_500": (9,),
    "control_characters_in_paths_do_no_harm": (6,),
    "head_does_not_start_a_stream": (8,),
    "head_has_the_headers_of_get": (8,),
    "head_of_a_file_has_its_length": (8,),
    "http_and_sockets_do_not_mix": (109,),
    "impossible_closes_do_no_harm": (105,),
    "impossible_headers_are_500": (11, 12),
    "impossible_statuses_are_500": (13,),
    "methods_are_case_sensitive": (7,),
    "some_statuses_have_no_body": (9,),
    "the_lifespan_starts_once_before_requests": (140,),
    "two_hosts_are_refused": (2,),
    "unknown_methods_are_refused": (7,),
    "wrong_lengths_are_500": (10,),
}
"""The rows of the list of hostile cases that a case of the kit holds."""

LACKING = {
    "asgi": set[str](),
    "rsgi": {
        "a_failing_stream_breaks_off",
        "a_subprotocol_is_agreed_on",
        "close_codes_and_reasons_arrive",
        "the_peers_close_code_arrives",
    },
}
"""What a protocol has no call for; its capabilities say so, and apps are told by errors, not by silence."""


def marked(name: str, *before: str) -> object:
    """A parameter set with the rows that the case holds."""
    return pytest.param(*before, name, marks=[pytest.mark.case(row) for row in HOSTILE.get(name, ())])


RUNS = [
    marked(name, interface)
    for interface, capabilities in CAPABILITIES.items()
    for name, case in CASES.items()
    if case.needs <= capabilities
]


@pytest.mark.parametrize(("interface", "name"), RUNS)
def test_the_protocol_shows_the_behaviour(interface: str, name: str) -> None:
    """The case holds; what it proves is its docstring."""
    run_in_process(CASES[name], interface)


def test_only_what_a_protocol_cannot_do_is_left_out() -> None:
    """The cases that a protocol does not run are exactly those of the table above."""
    left_out = {
        interface: {name for name, case in CASES.items() if not case.needs <= capabilities}
        for interface, capabilities in CAPABILITIES.items()
    }
    assert left_out == LACKING


def test_every_marked_case_exists() -> None:
    """The table of hostile rows names cases of the kit."""
    assert set(HOSTILE) <= set(CASES)
