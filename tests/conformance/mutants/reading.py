"""Mutants that read heads of requests wrongly. Each is a mistake that an adapter's author could make."""

from __future__ import annotations

from typing import Any

from mutants.base import asgi, asgi_with, mutant, rsgi, rsgi_with

from velocipy.asgi.connection import ASGIConnection, HeaderView
from velocipy.asgi.dialect import dialect as ASGI
from velocipy.protocols import Dialect
from velocipy.rsgi.connection import RSGIConnection


@mutant("methods_and_paths_arrive")
def path_in_lower_case() -> Dialect:
    """Lower-cases the path."""
    return asgi(path="scope['path'].lower()")


@mutant("methods_and_paths_arrive", "an_escaped_slash_is_a_slash")
def path_still_escaped() -> Dialect:
    """Routes the raw path."""
    return asgi(path="scope['raw_path'].decode()")


@mutant("methods_and_paths_arrive")
def path_decoded_twice() -> Dialect:
    """Decodes what is decoded already."""
    from urllib.parse import unquote

    class Twice(RSGIConnection):
        path = property(lambda self: unquote(self.scope.path))

    return rsgi_with(RSGIConnection=Twice)


@mutant("an_undecodable_path_is_404")
def replacement_characters_dropped() -> Dialect:
    """Takes what is left of a path that cannot be decoded."""
    return rsgi(path="scope.path.replace('\\ufffd', '')")


@mutant("the_query_arrives")
def request_without_query() -> Dialect:
    """The Request has no query."""

    class Queryless(ASGIConnection):
        query_string = ""

    return asgi_with(ASGIConnection=Queryless)


@mutant("typed_parameters_are_converted", "all_wrong_parameters_are_reported")
def parameters_without_query() -> Dialect:
    """The compiled handler has no query."""
    return rsgi(query_text="''")


@mutant("typed_parameters_are_converted", "cookie_lines_are_joined")
def headers_without_cookies() -> Dialect:
    """Cookies are looked for under a name that servers do not use."""

    class Cookieless(HeaderView):
        def get_all(self, name: str, /) -> list[str]:
            return super().get_all("Cookie" if name == "cookie" else name)

    return asgi_with(HeaderView=Cookieless)


class LastOnly(HeaderView):
    """Keeps one value a name, as a dict would."""

    def get_all(self, name: str, /) -> list[str]:
        return super().get_all(name)[:1]

    def items(self) -> Any:
        return iter(dict(super().items()).items())


@mutant("duplicate_headers_are_kept")
def duplicate_headers_dropped() -> Dialect:
    """Makes a dict of the headers."""

    class Deduped(ASGIConnection):
        headers = property(lambda self: LastOnly(self.scope["headers"]))

    return asgi_with(ASGIConnection=Deduped)


@mutant("cookie_lines_are_joined", "two_hosts_are_refused")
def first_lines_only() -> Dialect:
    """Reads only the first line of a name, so one Cookie line and one Host."""
    return asgi(
        hosts=("hosts = [dict(scope['headers'])[b'host']]",),
        hosts_of_fields="[first[b'host']]",
        knows_host="first.get(b'host') in known_hosts",
        env={**ASGI.env, "HeaderView": LastOnly},
    )


class FirstLines:
    """RSGI headers of which `get_all` gives one."""

    def __init__(self, headers: Any) -> None:
        self.get = headers.get
        self.items = headers.items
        self._get_all = headers.get_all

    def get_all(self, name: str) -> list[str]:
        return self._get_all(name)[:1]  # type: ignore[no-any-return]


@mutant("cookie_lines_are_joined", "two_hosts_are_refused")
def first_lines_only_rsgi() -> Dialect:
    """The same over RSGI."""
    dialect = rsgi_with(FirstLines=FirstLines)
    return rsgi(headers="FirstLines(scope.headers)", env=dialect.env)


class Latin(HeaderView):
    """Decodes every value, as latin-1."""

    def get(self, name: str, default: str | None = None, /) -> str | None:
        return next((value for field, value in self.items() if field == name), default)

    def items(self) -> Any:
        return ((field.decode("latin-1"), value.decode("latin-1")) for field, value in self._raw)


@mutant("a_non_ascii_header_counts_as_missing")
def values_decoded_as_latin() -> Dialect:
    """Lets values through that RSGI servers do not pass on."""
    return asgi(
        field_text=lambda first, name, default: f"{first}.get({name.encode()!r}, b'').decode('latin-1')",
        env={**ASGI.env, "HeaderView": Latin},
    )


@mutant("a_bad_host_is_refused")
def hosts_hidden() -> Dialect:
    """Keeps Host from the check."""

    return asgi(hosts=("hosts = []",), hosts_of_fields="[]", knows_host="True")


@mutant("the_url_is_made_of_its_parts")
def scheme_always_https() -> Dialect:
    """Believes in TLS."""

    class Secure(RSGIConnection):
        scheme = "https"

    return rsgi_with(RSGIConnection=Secure)


@mutant("unknown_paths_and_methods_are_told")
def only_gets() -> Dialect:
    """Takes every method for GET."""
    return asgi(method="'GET'")


@mutant("unknown_methods_are_refused")
def unknown_methods_are_gets() -> Dialect:
    """Takes a method that it does not know for GET."""
    return asgi(
        method="scope['method'] if scope['method'] in ('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS') else 'GET'"
    )


@mutant("methods_are_case_sensitive")
def methods_in_capitals() -> Dialect:
    """Puts methods into capitals."""
    return rsgi(method="scope.method.upper()")
