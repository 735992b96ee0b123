"""Forwarding headers: who may send them, how far a chain is believed, and what an app sees of it on both protocols."""

from ipaddress import IPv6Network, ip_address, ip_network
from typing import Any

import pytest
from durations import within
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy import Request, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError
from velocipy.http.forwarded import MAX_HOPS, MAX_LENGTH, elements, read_element, read_node
from velocipy.http.headers import Headers
from velocipy.http.proxy import Source, TrustedProxies, trusted_proxies
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
PEER = ("10.0.0.1", 4321)
PROXIES = TrustedProxies(["10.0.0.0/8", "fd00::/8"])
FOR = "x-forwarded-for"


def resolve(
    *lines: tuple[str, str],
    peer: tuple[str, int | None] | None = PEER,
    scheme: str = "http",
    proxies: TrustedProxies = PROXIES,
) -> Source:
    return proxies.resolve(Headers(lines), peer, scheme)


def client_of(*lines: tuple[str, str], **options: Any) -> Any:
    return resolve(*lines, **options).client


# -- who is asked --------------------------------------------------------------------------------------------------------


EVERYTHING = [
    (FOR, "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "a.example"),
    ("x-forwarded-port", "8443"),
]


@pytest.mark.case(95)
@pytest.mark.parametrize(
    ("entries", "peer", "is_trusted"),
    [
        (["10.0.0.0/8"], ("10.9.8.7", 1), True),
        (["10.0.0.0/8"], ("11.0.0.1", 1), False),
        (["10.0.0.1"], ("10.0.0.1", None), True),
        (["10.0.0.1"], ("10.0.0.2", 1), False),
        ([ip_network("10.0.0.0/8")], ("10.0.0.2", 1), True),
        ([ip_address("10.0.0.2")], ("10.0.0.2", 1), True),
        (["10.0.0.0/8"], ("::ffff:10.0.0.2", 1), True),  # a socket for both families
        ([IPv6Network("::ffff:10.0.0.0/104")], ("10.0.0.2", 1), True),
        (["fd00::/8"], ("fd12::1", 1), True),
        (["fe80::/10"], ("fe80::1%eth0", 1), True),
        (["::1"], ("::1", 1), True),
        (["10.0.0.0/8"], ("fd12::1", 1), False),
        (["10.0.0.0/8"], ("testclient", 1), False),
        (["10.0.0.0/8"], ("", 1), False),
        (["10.0.0.0/8"], None, False),
        (["unix"], None, True),
        (["unix"], ("10.0.0.1", 1), False),
        (["*"], ("203.0.113.5", 1), True),
        (["*"], ("testclient", 1), True),
        (["*"], None, True),
    ],
)
def test_only_a_named_peer_is_believed(entries: list[Any], peer: Any, is_trusted: bool) -> None:
    seen = resolve(*EVERYTHING, peer=peer, proxies=TrustedProxies(entries))
    told = Source(("192.0.2.7", None), "https", "a.example", 8443)
    assert seen == (told if is_trusted else Source(peer, "http"))


@pytest.mark.parametrize("entries", [None, [], ()])
def test_without_proxies_nobody_is_asked(entries: Any) -> None:
    assert trusted_proxies(entries or []) is None
    assert VelociPy(proxy_headers=entries).proxies is None


def test_one_entry_needs_no_list() -> None:
    for entry in ("10.0.0.1", "*", ip_network("10.0.0.0/8"), ip_address("10.0.0.1")):
        proxies = VelociPy(proxy_headers=entry).proxies
        assert proxies is not None
        assert proxies.resolve(Headers([(FOR, "192.0.2.7")]), PEER, "http").client == ("192.0.2.7", None)


@pytest.mark.parametrize(
    "entries",
    [
        ["10.0.0.1/8"],
        ["10.0.0"],
        ["proxy.example"],
        [""],
        ["**"],
        [167772161],
        [b"\x0a\0\0\1"],
        [None],
        [True],
    ],
)
def test_what_is_no_network_is_refused(entries: list[Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"in proxy_headers of VelociPy is no network \(.*write one"):
        VelociPy(proxy_headers=entries)


@pytest.mark.parametrize("entry", ["0.0.0.0/0", "::/0", ip_network("0.0.0.0/0"), "::ffff:0:0/96"])
def test_every_address_is_refused_since_a_chain_is_as_long_as_clients_write_it(entry: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"is every address, .* or '\*', which believes the peer alone"
    ):
        VelociPy(proxy_headers=[entry])


@pytest.mark.parametrize("entries", [True, 1, 0, False])
def test_what_is_no_list_is_refused(entries: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"proxy_headers of VelociPy is a list of networks"):
        VelociPy(proxy_headers=entries)


@pytest.mark.parametrize(
    ("family", "seen"),
    [
        (None, Source(("192.0.2.7", None), "https", "x.example", None)),
        ("x-forwarded", Source(("192.0.2.7", None), "https", "x.example", None)),
        ("forwarded", Source(("192.0.2.8", None), "http", "f.example", None)),
    ],
)
def test_of_one_family_that_is_named_nothing_of_the_other_is_looked_at(family: Any, seen: Source) -> None:
    proxies = TrustedProxies("10.0.0.0/8", headers=family)
    ours = [(FOR, "192.0.2.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "x.example")]
    theirs = ("forwarded", "for=192.0.2.8;host=f.example")
    assert resolve(*ours, theirs, proxies=proxies) == seen
    nothing = Source(PEER, "http")
    assert resolve(theirs, proxies=proxies) == (
        nothing if family == "x-forwarded" else Source(("192.0.2.8", None), "http", "f.example")
    )
    assert (resolve(*ours, proxies=proxies) == nothing) == (family == "forwarded")


def test_an_app_takes_proxies_with_their_family() -> None:
    proxies = TrustedProxies(["10.0.0.0/8"], headers="forwarded")
    assert VelociPy(proxy_headers=proxies).proxies is proxies
    for family in ("Forwarded", "x-forwarded-for", "", 1):
        with pytest.raises(
            ConfigurationError, match="headers of TrustedProxies is 'x-forwarded' or 'forwarded'"
        ):
            TrustedProxies(["10.0.0.0/8"], headers=family)  # type: ignore[arg-type]


# -- whom they speak for -------------------------------------------------------------------------------------------------


@pytest.mark.case(95)
@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([], PEER),
        (["192.0.2.7"], ("192.0.2.7", None)),
        (["192.0.2.7:80"], ("192.0.2.7", 80)),
        (["[2001:db8::7]:80"], ("2001:db8::7", 80)),
        (["[2001:db8::7]"], ("2001:db8::7", None)),
        (["2001:DB8:0::7"], ("2001:db8::7", None)),
        (["::ffff:192.0.2.7"], ("192.0.2.7", None)),
        # A chain of three: what is left of the first address that is no proxy was sent by anybody.
        (["192.0.2.7, 10.0.0.3, 10.0.0.2"], ("192.0.2.7", None)),
        (["192.0.2.7 ,\t10.0.0.3,fd00::2"], ("192.0.2.7", None)),
        (["127.0.0.1, 192.0.2.7, 10.0.0.2"], ("192.0.2.7", None)),
        (["10.0.0.9, 192.0.2.7"], ("192.0.2.7", None)),
        (["192.0.2.7, 198.51.100.1, 10.0.0.2"], ("198.51.100.1", None)),
        (["10.0.0.9", "192.0.2.7", "10.0.0.2, 10.0.0.3"], ("192.0.2.7", None)),  # lines are one list
        (["192.0.2.7, ::ffff:10.0.0.2"], ("192.0.2.7", None)),
        (["10.0.0.4, 10.0.0.3"], ("10.0.0.4", None)),  # a client within the network
        # What is broken, or hidden, ends the walk.
        (["192.0.2.7, unknown"], PEER),
        (["192.0.2.7, _hidden, 10.0.0.2"], ("10.0.0.2", None)),
        (["unix:"], PEER),
        ([""], PEER),
        (["192.0.2.7,"], PEER),
        (["192.0.2.7,,10.0.0.2"], ("10.0.0.2", None)),
        (["192.0.2.7, 10.0.0.2.example"], PEER),
        (["192.0.2.7, 10.0.0.256"], PEER),
        (["192.0.2.7, 010.0.0.2"], PEER),  # octal to some readers
        (["192.0.2.7, 10.0.0.2:65536"], PEER),
        (["192.0.2.7, 10.0.0.2:"], PEER),
        (["192.0.2.7, [10.0.0.2]"], PEER),
        (["192.0.2.7, [fd00::2"], PEER),
        (["192.0.2.7, fe80::1%eth0"], PEER),
        (["192.0.2.7, 167772162"], PEER),
        (["192.0.2.7 10.0.0.2"], PEER),
        (['"192.0.2.7"'], PEER),
        (['", 192.0.2.7'], ("192.0.2.7", None)),  # a quote that a client left open
        (["::"], ("::", None)),
        ([":::"], PEER),
    ],
)
def test_x_forwarded_for_is_walked_from_the_right(lines: list[str], client: Any) -> None:
    assert client_of(*((FOR, line) for line in lines)) == client


@pytest.mark.case(95)
@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (["for=192.0.2.7"], (("192.0.2.7", None), "http", None)),
        (["For=192.0.2.7;Proto=HTTPS;Host=a.example"], (("192.0.2.7", None), "https", "a.example")),
        (['for="192.0.2.7:80"'], (("192.0.2.7", 80), "http", None)),
        (['for="192.0.2.7:_port"'], (("192.0.2.7", None), "http", None)),
        (['for="[2001:db8::7]:80";host="a.example:81"'], (("2001:db8::7", 80), "http", "a.example:81")),
        ([r'for="\1\92.0.2.7"'], (("192.0.2.7", None), "http", None)),
        (['for=192.0.2.7;by=10.0.0.1;x="a,b;\\"c"'], (("192.0.2.7", None), "http", None)),
        (["for=192.0.2.7 ; proto=https"], (("192.0.2.7", None), "https", None)),
        # What the outermost proxy says counts, and what it leaves out the next one may have said.
        (
            ["for=192.0.2.7;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b"],
            (("192.0.2.7", None), "https", "a.example"),
        ),
        (["for=192.0.2.7, for=10.0.0.2;proto=https"], (("192.0.2.7", None), "https", None)),
        (
            ["for=10.0.0.9;host=evil.example", "for=192.0.2.7;host=a.example, for=10.0.0.2"],
            (("192.0.2.7", None), "http", "a.example"),
        ),
        # A hidden client ends the walk; who hides it is a proxy all the same.
        (["for=unknown;proto=https"], (PEER, "https", None)),
        (["for=192.0.2.7;host=evil, for=_hidden;host=a.example"], (PEER, "http", "a.example")),
        (["for=192.0.2.7;host=evil, host=a.example"], (PEER, "http", "a.example")),
        # Broken: neither it nor what stands before it.
        (["for=192.0.2.7, for=10.0.0.2;for=10.0.0.3"], (PEER, "http", None)),
        (["for=192.0.2.7, for=10.0.0.2; proto"], (PEER, "http", None)),
        (["for=192.0.2.7, for=10.0.0.2;"], (PEER, "http", None)),
        (["for=192.0.2.7, for = 10.0.0.2"], (PEER, "http", None)),
        (["for=192.0.2.7:80;proto=https"], (PEER, "http", None)),  # a colon wants quotes
        (["for=2001:db8::7"], (PEER, "http", None)),
        (['for="2001:db8::7";proto=https'], (PEER, "https", None)),  # no node: brackets are missing
        (["192.0.2.7"], (PEER, "http", None)),
        ([""], (PEER, "http", None)),
        # Quotes that a client left open, or filled with what looks like an element.
        (['for="evil, for=192.0.2.7'], (("192.0.2.7", None), "http", None)),
        (['for=", for="[2001:db8::7]:80"'], (("2001:db8::7", 80), "http", None)),
        (['for=192.0.2.7;host="x, for=10.0.0.2"'], (("192.0.2.7", None), "http", "x, for=10.0.0.2")),
        ([r'for=192.0.2.7;host="x\", for=10.0.0.2"'], (("192.0.2.7", None), "http", 'x", for=10.0.0.2')),
        (["for=192.0.2.7;proto=javascript"], (("192.0.2.7", None), "http", None)),
        (["for=192.0.2.7;proto=wss"], (("192.0.2.7", None), "http", None)),
    ],
)
def test_forwarded_is_walked_from_the_right(lines: list[str], seen: Any) -> None:
    assert resolve(*(("forwarded", line) for line in lines))[:3] == seen


@pytest.mark.case(95)
def test_x_forwarded_for_goes_before_forwarded_and_nothing_is_mixed() -> None:
    forged = ("forwarded", "for=192.0.2.1;host=evil.example")
    assert resolve(forged, *EVERYTHING) == resolve(*EVERYTHING)
    others = [line for line in EVERYTHING if line[0] != FOR]
    assert len(others) == len(EVERYTHING) - 1
    assert resolve(("forwarded", "for=192.0.2.1"), *others) == Source(("192.0.2.1", None), "http")
    assert resolve(("forwarded", "broken"), *others) == Source(PEER, "http")


@pytest.mark.case(95)
@pytest.mark.parametrize("name", ["X_Forwarded_For", "x_forwarded_for", "X-Forwarded_For", "X-Real-IP"])
def test_no_other_name_counts(name: str) -> None:
    assert client_of((name, "192.0.2.7")) == PEER
    assert client_of((name, "192.0.2.7"), (FOR, "192.0.2.8")) == ("192.0.2.8", None)


@pytest.mark.case(95)
def test_any_peer_is_no_network_of_the_chain() -> None:
    """Whoever connects is a proxy; that does not make one of whatever a client wrote."""
    anybody, some = TrustedProxies(["*"]), TrustedProxies(["*", "10.0.0.0/8"])
    chain = (FOR, "127.0.0.1, 192.0.2.7, 10.0.0.2")
    assert client_of(chain, proxies=anybody) == ("10.0.0.2", None)
    assert client_of(chain, proxies=some) == ("192.0.2.7", None)
    assert client_of(chain, proxies=TrustedProxies(["unix", "10.0.0.0/8"]), peer=None) == ("192.0.2.7", None)


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ([("x-forwarded-proto", "https")], ("https", None, None)),
        ([("x-forwarded-proto", "HTTPS")], ("https", None, None)),
        ([("x-forwarded-proto", "http, https")], ("https", None, None)),  # the last: the peer's own
        ([("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], ("http", None, None)),
        ([("x-forwarded-proto", "wss")], ("http", None, None)),
        ([("x-forwarded-proto", "javascript")], ("http", None, None)),
        ([("x-forwarded-proto", "")], ("http", None, None)),
        ([("x-forwarded-host", "evil, a.example")], ("http", "a.example", None)),
        ([("x-forwarded-host", "")], ("http", None, None)),
        ([("x-forwarded-port", "8443")], ("http", None, 8443)),
        ([("x-forwarded-port", "0")], ("http", None, None)),
        ([("x-forwarded-port", "65536")], ("http", None, None)),
        ([("x-forwarded-port", "-1")], ("http", None, None)),
        ([("x-forwarded-port", "1" * 5_000)], ("http", None, None)),
        ([("x-forwarded-port", "٣")], ("http", None, None)),
    ],
)
def test_of_the_other_headers_the_last_value_counts(lines: list[tuple[str, str]], seen: Any) -> None:
    assert resolve(*lines)[1:] == seen


@pytest.mark.parametrize(
    ("proto", "scheme"), [("https", "wss"), ("wss", "wss"), ("http", "ws"), ("ws", "ws")]
)
def test_a_websocket_has_the_schemes_of_websockets(proto: str, scheme: str) -> None:
    assert resolve(("x-forwarded-proto", proto), scheme="ws").scheme == scheme
    assert resolve(("forwarded", f"for=_a;proto={proto}"), scheme="wss").scheme == scheme


# -- bounds --------------------------------------------------------------------------------------------------------------


@pytest.mark.case(95)
def test_a_chain_is_followed_so_far_and_no_further() -> None:
    chain = ["192.0.2.7", *(f"10.0.1.{number}" for number in range(MAX_HOPS))]
    assert client_of((FOR, ", ".join(chain[:-1]))) == ("192.0.2.7", None)
    assert client_of((FOR, ", ".join(chain))) == ("10.0.1.0", None)
    assert client_of(*((FOR, hop) for hop in chain)) == ("10.0.1.0", None)


@pytest.mark.case(95)
def test_an_address_that_is_cut_in_two_is_none() -> None:
    tail = ", 10.0.0.2" + " " * (MAX_LENGTH - len("10.0.0.9, 10.0.0.2"))
    assert client_of((FOR, "10.0.0.9" + tail)) == ("10.0.0.9", None)
    assert client_of((FOR, "1" + "10.0.0.9" + tail)) == ("10.0.0.2", None)
    assert client_of((FOR, "192.0.2.7"), (FOR, "10.0.0.9" + tail)) == ("10.0.0.9", None)


@pytest.mark.parametrize("text", ['"', '\\"', '"\\', ",", ";", "a=b;", '"",', "for=", ":", "[", "\\"])
def test_hostile_lines_take_no_time(text: str) -> None:
    line = text * 50_000

    def read() -> None:
        for name in ("forwarded", FOR, "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"):
            assert client_of((name, line)) == PEER
            assert client_of((name, f'a="{line}"')) == PEER

    assert within(1.0, read)


@given(st.lists(st.text(st.characters(max_codepoint=126)), max_size=6), st.sampled_from(["http", "ws"]))
@example(['for="'], "http")
@example(["for=10.0.0.2\n"], "http")
def test_whatever_is_sent_nothing_is_raised(lines: list[str], scheme: str) -> None:
    for name in ("forwarded", FOR, "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"):
        seen = resolve(*((name, line) for line in lines), scheme=scheme)
        assert seen.client is not None
        assert seen.client == PEER or ip_address(seen.client[0])
        assert seen.scheme in (("http", "https") if scheme == "http" else ("ws", "wss"))


HOSTILE = st.text(st.sampled_from('for=";,\\ .:[]_10x'), max_size=40)
ADDRESSES = st.ip_addresses().map(lambda address: read_node(str(address))).filter(bool)


@given(HOSTILE, ADDRESSES, st.integers(0, 65535) | st.none(), st.booleans())
@example('for="', read_node("::1"), 1, False)
@example("for=1\\", read_node("::1"), None, True)
def test_nothing_that_a_client_sends_hides_what_a_proxy_adds(
    sent: str, node: Any, port: int | None, own_line: bool
) -> None:
    shown = f"[{node.address}]" if node.address.version == 6 else str(node.address)
    shown += "" if port is None else f":{port}"
    for name, added in (("forwarded", f'for="{shown}";proto=https'), (FOR, shown)):
        lines = [(name, sent), (name, added)] if own_line else [(name, f"{sent}, {added}")]
        proxies = TrustedProxies(["203.0.113.1"])
        if not proxies._lists(node.address):
            assert client_of(*lines, proxies=proxies, peer=("203.0.113.1", 1)) == (str(node.address), port)


QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(st.lists(st.tuples(QUOTED, QUOTED), min_size=1, max_size=5))
def test_quoted_strings_are_read_as_they_were_written(said: list[tuple[str, str]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    line = ", ".join(f"host={quoted(host)};proto={quoted(proto)}" for host, proto in said)
    if len(line) <= MAX_LENGTH:
        read = [read_element(text) for text in elements([line])]
        assert [(one and one.host, one and one.proto) for one in reversed(read)] == said


# -- what an app sees ----------------------------------------------------------------------------------------------------


def shown(exchange: Request | WebSocket) -> list[Any]:
    client = exchange.client
    return [client and list(client), exchange.scheme, exchange.host, str(exchange.url)]


def make_app(proxy_headers: Any = ("10.0.0.0/8",)) -> VelociPy:
    app = VelociPy(proxy_headers=proxy_headers)

    @app.get("/")
    async def show(request: Request) -> list[Any]:
        return shown(request)

    @app.get("/client")
    async def client(request: Request) -> Any:
        return request.client

    @app.websocket("/ws", allowed_origins=["same-origin"])
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(shown(websocket))

    return app


DIRECT = [["10.0.0.1", 4321], "http", "testserver", "http://testserver/"]
RESOLVED = [["192.0.2.7", None], "https", "a.example", "https://a.example/"]


@both
@pytest.mark.case(95)
@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, DIRECT),
        (
            {FOR: "6.6.6.6, 192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-host": "A.example"},
            RESOLVED,
        ),
        ({"forwarded": "for=6.6.6.6, for=192.0.2.7;proto=https;host=a.example"}, RESOLVED),
        ({"x-forwarded-port": "8080"}, [*DIRECT[:3], "http://testserver:8080/"]),
        (
            {"x-forwarded-host": "a:1", "x-forwarded-port": "2"},
            [["10.0.0.1", 4321], "http", "a", "http://a:1/"],
        ),
        ({"x-forwarded-host": "[::1]:1"}, [["10.0.0.1", 4321], "http", "::1", "http://[::1]:1/"]),
        ({"X_Forwarded_For": "192.0.2.7", "X_Forwarded_Host": "evil"}, DIRECT),
    ],
)
def test_a_request_shows_whom_a_proxy_speaks_for(interface: str, headers: dict[str, str], seen: Any) -> None:
    with TestClient(make_app(), interface=interface, client=PEER) as client:
        assert client.get("/", headers=headers).json() == seen


@both
@pytest.mark.case(91)
@pytest.mark.case(95)
@pytest.mark.parametrize(("proxy_headers", "peer"), [(None, PEER), (["10.0.0.0/8"], ("192.0.2.9", 1))])
def test_a_stranger_is_not_believed(interface: str, proxy_headers: Any, peer: Any) -> None:
    headers = {**dict(EVERYTHING), "forwarded": "for=192.0.2.7;proto=https;host=a.example"}
    with TestClient(make_app(proxy_headers), interface=interface, client=peer) as client:
        assert client.get("/", headers=headers).json() == [list(peer), *DIRECT[1:]]


@both
def test_lines_are_one_list(interface: str) -> None:
    headers = [("host", "a"), (FOR, "10.9.9.9"), (FOR, "192.0.2.7:5"), (FOR, "10.0.0.2")]
    with TestClient(make_app(), interface=interface, client=PEER) as client:
        assert client.exchange("GET", "/client", headers=headers).reply().body == b'["192.0.2.7",5]'


@both
@pytest.mark.case(11)
@pytest.mark.case(95)
@pytest.mark.parametrize("host", ["a/b", "a@evil", "a b", "[", "a:99999", "a" * 300, "a?b", "a#b", "%61"])
def test_a_host_that_is_none_is_a_400_for_who_asks(interface: str, host: str) -> None:
    app = make_app()
    with TestClient(app, interface=interface, client=PEER) as client:
        for headers in ({"x-forwarded-host": host}, {"forwarded": f'for=192.0.2.7;host="{host}"'}):
            answer = client.get("/", headers=headers)
            assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid host header"})
            assert client.get("/client", headers=headers).status_code == 200
            with (
                pytest.raises(WebSocketDenied),
                client.websocket_connect("/ws", headers={**headers, "origin": "http://a"}),
            ):
                pass


@both
@pytest.mark.case(11)
def test_what_a_proxy_says_excuses_no_host_line(interface: str) -> None:
    headers = [("host", "a b"), ("x-forwarded-host", "a.example")]
    with TestClient(make_app(), interface=interface, client=PEER) as client:
        assert client.exchange("GET", "/", headers=headers).reply().status == 400


# -- mounts --------------------------------------------------------------------------------------------------------------


@both
def test_the_app_that_is_served_names_the_proxies_of_those_in_it(interface: str) -> None:
    headers = {"forwarded": "for=192.0.2.7;proto=https;host=a.example"}
    for outer, inner, seen in ((["10.0.0.1"], None, RESOLVED), (None, ["10.0.0.1"], DIRECT)):
        app, middle = VelociPy(proxy_headers=outer), VelociPy()
        app.mount("/a", middle)
        middle.mount("/b", make_app(inner))
        with TestClient(app, interface=interface, client=PEER) as client:
            answer = client.get("/a/b/", headers=headers).json()
        assert answer == [*seen[:3], f"{seen[3]}a/b/"]


@both
@pytest.mark.parametrize(
    ("headers", "hosts"),
    [({}, ["testserver"]), ({"x-forwarded-host": "A.example:81"}, ["a.example:81"])],
)
def test_a_mounted_asgi_app_sees_it_in_its_scope(
    interface: str, headers: dict[str, str], hosts: list[str]
) -> None:
    scopes: list[Any] = []

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
        else:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})

    app = VelociPy(proxy_headers=["10.0.0.0/8"])
    app.mount("/foreign", foreign)
    told = {FOR: "192.0.2.7", "x-forwarded-proto": "https", **headers}
    with TestClient(app, interface=interface, client=PEER) as client:
        assert client.get("/foreign/x", headers=told).status_code == 204
        with client.websocket_connect("/foreign/x", headers=told):
            pass
    assert [(scope["client"], scope["scheme"]) for scope in scopes] == [
        (("192.0.2.7", None), "https"),
        (("192.0.2.7", None), "wss"),
    ]
    for scope in scopes:
        assert [value.decode() for name, value in scope["headers"] if name == b"host"] == hosts
        assert (b"x-forwarded-for", b"192.0.2.7") in scope["headers"]


@both
def test_answers_of_our_own_have_it_too(interface: str) -> None:
    """Middleware and exception handlers around a 404 see the same client as around a route."""
    app = VelociPy(proxy_headers=["10.0.0.0/8"])

    @app.exception_handler(404)
    async def handle(request: Request, exc: Exception) -> Any:
        return shown(request)

    with TestClient(app, interface=interface, client=PEER) as client:
        answer = client.get("/none", headers={FOR: "192.0.2.7"})
        assert answer.json()[0] == ["192.0.2.7", None]


# -- WebSockets ----------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(95)
@pytest.mark.case(101)
@pytest.mark.parametrize(
    ("peer", "origin", "headers", "is_taken"),
    [
        (PEER, "https://a.example", {"x-forwarded-host": "a.example", "x-forwarded-proto": "https"}, True),
        (PEER, "https://a.example", {"forwarded": "for=_x;host=a.example;proto=https"}, True),
        (PEER, "http://a.example", {"forwarded": "for=_x;host=a.example;proto=https"}, False),
        (PEER, "https://testserver", {"x-forwarded-host": "a.example"}, False),
        (PEER, "https://a.example:81", {"x-forwarded-host": "a.example"}, False),
        (PEER, "https://a.example:81", {"x-forwarded-host": "a.example", "x-forwarded-port": "81"}, True),
        (PEER, "https://testserver:81", {"x-forwarded-port": "81"}, True),
        (PEER, "https://[::1]:81", {"x-forwarded-host": "[::1]", "x-forwarded-port": "81"}, True),
        (PEER, "http://testserver", {}, True),
        (PEER, "http://testserver", {"x-forwarded-proto": "https"}, False),
        (("192.0.2.9", 1), "http://evil.example", {"x-forwarded-host": "evil.example"}, False),
        (("192.0.2.9", 1), "http://evil.example", {"forwarded": "for=_x;host=evil.example"}, False),
        (("192.0.2.9", 1), "http://testserver", {"x-forwarded-host": "a.example"}, True),
    ],
)
def test_a_page_has_to_be_of_the_host_that_the_client_named(
    interface: str, peer: Any, origin: str, headers: dict[str, str], is_taken: bool
) -> None:
    with TestClient(make_app(), interface=interface, client=peer) as client:
        session = client.websocket_connect("/ws", headers={"origin": origin, **headers})
        if is_taken:
            with session as websocket:
                websocket.receive_json()
        else:
            with pytest.raises(WebSocketDenied), session:
                pass


@both
def test_a_websocket_shows_whom_a_proxy_speaks_for(interface: str) -> None:
    headers = {FOR: "192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-host": "a.example"}
    with TestClient(make_app(), interface=interface, client=PEER) as client:
        with client.websocket_connect("/ws", headers=headers) as websocket:
            assert websocket.receive_json() == [["192.0.2.7", None], "wss", "a.example", "wss://a.example/ws"]
        with client.websocket_connect("/ws?q=1") as websocket:
            assert websocket.receive_json() == [
                ["10.0.0.1", 4321],
                "ws",
                "testserver",
                "ws://testserver/ws?q=1",
            ]


def test_apps_without_proxies_are_compiled_as_ever() -> None:
    plain, proxied = make_app(None), make_app()
    for interface in ("asgi", "rsgi"):
        sources = [[route.explain(interface) for route in app.routes] for app in (plain, proxied)]
        assert sources[0][:2] == sources[1][:2]
        assert "forwarded_hosts" not in sources[0][2]
        assert "forwarded_hosts" in sources[1][2]
