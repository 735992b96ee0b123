"""SecurityHeadersMiddleware: its headers on every answer, its policies, and the nonce of each request; on both protocols."""

import inspect
import re
from typing import Any

import pytest

from velocipy import HTMLResponse, Request, Response, StaticFiles, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.http.csp import ContentSecurityPolicy
from velocipy.middleware import HSTS, SecurityHeadersMiddleware
from velocipy.middleware.security_headers import API_POLICY, DEFAULTS, YEAR
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

POLICY = "content-security-policy"
REPORT_ONLY = "content-security-policy-report-only"


def headers_of(**settings: Any) -> dict[str, str]:
    return dict(SecurityHeadersMiddleware(**settings).response_headers)  # type: ignore[arg-type]


@both
@pytest.mark.case(92)
def test_every_answer_has_them_and_its_own_win(interface: str, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("file")
    app = VelociPy(middleware=[SecurityHeadersMiddleware()], max_content_length=5)

    @app.get("/own")
    async def own() -> Response:
        return Response("own", headers={"x-frame-options": "SAMEORIGIN", POLICY: "default-src *"})

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("unhandled")

    @app.post("/")
    async def write(body: dict[str, int]) -> None:
        """Nothing."""

    app.mount("/files", StaticFiles(tmp_path))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        too_large = client.post("/", content=b'{"a": 123456}', headers={"content-type": "application/json"})
        answers = {
            404: client.get("/nowhere"),
            405: client.get("/"),
            413: too_large,
            500: client.get("/fails"),
            200: client.get("/files/a.txt"),
        }
        for status, answer in answers.items():
            assert answer.status_code == status
            assert DEFAULTS.items() <= dict(answer.headers).items()
        answer = client.get("/own")
        assert answer.headers.get_list("x-frame-options") == ["SAMEORIGIN"]
        assert answer.headers.get_list(POLICY) == ["default-src *"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_headers_are_changed_added_and_left_out_by_name() -> None:
    changed = {"X-Frame-Options": "SAMEORIGIN", "referrer-policy": None, "X-Own": "1"}
    found = headers_of(headers=changed)
    assert found["x-frame-options"] == "SAMEORIGIN"
    assert found["x-own"] == "1"
    assert "referrer-policy" not in found
    assert POLICY not in headers_of(csp=None)
    assert headers_of(csp=API_POLICY)[POLICY] == "default-src 'none'; frame-ancestors 'none'"
    isolated = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": 'require-corp; report-to="a"',
        "Cross-Origin-Resource-Policy": "same-site",
        "Referrer-Policy": "no-referrer, strict-origin",
    }
    assert headers_of(headers=isolated)["cross-origin-embedder-policy"] == 'require-corp; report-to="a"'


def test_hsts_is_a_year_seconds_or_said_exactly() -> None:
    name = "strict-transport-security"
    assert name not in headers_of() and name not in headers_of(hsts=0)
    assert headers_of(hsts=True)[name] == f"max-age={YEAR}; includeSubDomains"
    assert headers_of(hsts=60)[name] == "max-age=60; includeSubDomains"
    assert headers_of(hsts=HSTS(60, include_subdomains=False))[name] == "max-age=60"
    assert headers_of(hsts=HSTS(0))[name] == "max-age=0; includeSubDomains"
    assert headers_of(hsts=HSTS(preload=True))[name] == f"max-age={YEAR}; includeSubDomains; preload"


def test_permissions_are_features_and_who_may_use_them() -> None:
    permissions = {"camera": [], "geolocation": ["self", "https://maps.example"], "fullscreen": "*"}
    assert headers_of(permissions=permissions)["permissions-policy"] == (
        'camera=(), geolocation=(self "https://maps.example"), fullscreen=*'
    )


def test_policies_may_be_text_mappings_or_objects() -> None:
    mapping: dict[str, Any] = {
        "default-src": ["self", "https:"],
        "upgrade-insecure-requests": True,
        "img-src": None,
    }
    text = "default-src 'self' https:; upgrade-insecure-requests"
    for csp in (text, mapping, ContentSecurityPolicy(mapping)):
        assert headers_of(csp=csp)[POLICY] == text
    both_policies = headers_of(csp_report_only={"script-src": ["self"], "report-uri": ["/csp"]})
    assert both_policies[POLICY] == DEFAULTS[POLICY]
    assert both_policies[REPORT_ONLY] == "script-src 'self'; report-uri /csp"


@both
@pytest.mark.case(92)
def test_each_request_has_a_nonce_of_its_own_in_its_headers_and_its_state(interface: str) -> None:
    csp = {"default-src": ["self"], "script-src": ["nonce", "strict-dynamic"], "style-src": ["nonce"]}
    reports = {"script-src": ["nonce"], "report-to": ["main"]}
    app = VelociPy(middleware=[SecurityHeadersMiddleware(csp=csp, csp_report_only=reports)])

    @app.get("/")
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(request.state.csp_nonce)

    @app.get("/plain")
    async def plain() -> dict[str, int]:
        return {"a": 1}

    seen = set()
    with TestClient(app, interface=interface) as client:
        for path in ("/", "/", "/plain", "/nowhere"):
            answer = client.get(path)
            policy = answer.headers[POLICY]
            (nonce, again) = re.findall(r"'nonce-([A-Za-z0-9_-]{22})'", policy)
            assert policy == (
                f"default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'nonce-{again}'"
            )
            assert (
                nonce == again
                and answer.headers[REPORT_ONLY] == f"script-src 'nonce-{nonce}'; report-to main"
            )
            assert path != "/" or answer.text == nonce
            assert answer.headers["x-frame-options"] == "DENY"
            seen.add(nonce)
    assert len(seen) == 4


@both
def test_without_a_nonce_there_is_nothing_but_constants(interface: str) -> None:
    middleware = SecurityHeadersMiddleware(csp={"default-src": ["self"]}, hsts=True)
    app = VelociPy(middleware=[middleware])

    @app.get("/")
    async def plain() -> dict[str, int]:
        return {"a": 1}

    source = app.routes[0].explain(interface)
    assert "SecurityHeaders" not in source and "entered" not in source


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"headers": {"x-frame-options": "ALLOW-FROM https://a.example"}}, "x-frame-options"),
        ({"headers": {"cross-origin-opener-policy": "same-orgin"}}, "did you mean 'same-origin'"),
        ({"headers": {"referrer-policy": "none"}}, "referrer-policy"),
        ({"headers": {POLICY: "default-src *"}, "csp": None}, "keep one"),
        ({"hsts": -1}, "hsts"),
        ({"hsts": "yes"}, "hsts"),
        ({"csp": 3}, "csp is text"),
        ({"csp": {}}, "restricts nothing"),
        ({"permissions": {"Camera!": []}}, "no feature"),
        ({"permissions": {"camera": "self"}}, "is a list"),
        ({"permissions": {"camera": ["maps.example"]}}, "no origin"),
        ({"permissions": {"camera": ["https://b\u00fccher.example"]}}, "no origin"),
        ({"permissions": {"camera": ["https://a\0.example"]}}, "no origin"),
    ],
)
def test_settings_that_browsers_would_ignore_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        SecurityHeadersMiddleware(**settings)


@pytest.mark.parametrize("settings", [(60, True, True), (YEAR, False, True), (-1,), ("1",), (True,)])
def test_hsts_that_no_preload_list_takes_is_refused(settings: Any) -> None:
    with pytest.raises(ConfigurationError):
        HSTS(*settings)


# -- policies ----------------------------------------------------------------------------------------------------------


def test_a_policy_is_written_in_its_order_with_keywords_in_quotes() -> None:
    policy = ContentSecurityPolicy(
        {
            "default-src": ["none"],
            "script-src": ["'self'", "nonce", "unsafe-inline", "wasm-unsafe-eval"],
            "style-src": ["self", "unsafe-inline", "sha256-AbC+/=="],
            "img-src": ["self", "data:", "https://img.example:8443/a/"],
            "connect-src": ["wss://*.example.com", "*"],
            "sandbox": ["allow-scripts"],
            "require-trusted-types-for": ["'script'"],
            "report-uri": ["/reports"],
            "upgrade-insecure-requests": True,
            "block-all-mixed-content": False,
        }
    )
    assert policy.has_nonce
    assert policy.text("n0") == (
        "default-src 'none'; script-src 'self' 'nonce-n0' 'unsafe-inline' 'wasm-unsafe-eval'; "
        "style-src 'self' 'unsafe-inline' 'sha256-AbC+/=='; img-src 'self' data: https://img.example:8443/a/; "
        "connect-src wss://*.example.com *; sandbox allow-scripts; require-trusted-types-for 'script'; "
        "report-uri /reports; upgrade-insecure-requests"
    )
    assert not ContentSecurityPolicy({"sandbox": True}).has_nonce
    assert ContentSecurityPolicy({"sandbox": True}).text() == "sandbox"


@pytest.mark.parametrize(
    ("directives", "why"),
    [
        ({"script": ["self"]}, "did you mean 'script-src'"),
        ({"default_src": ["self"]}, "did you mean 'default-src'"),
        ({"default-src": "self"}, r"write \['self'\]"),
        ({"default-src": True}, "is a list"),
        ({"default-src": []}, r"write \['none'\]"),
        ({"default-src": ["none", "self"]}, "stands alone"),
        ({"default-src": ["self; script-src *"]}, "is no source"),
        ({"default-src": ["self, x"]}, "is no source"),
        ({"default-src": ["'slf'"]}, "did you mean 'self'"),
        ({"default-src": ["a\nb"]}, "is no source"),
        ({"default-src": ["é"]}, "is no source"),
        ({"default-src": [3]}, "is no source"),
        ({"script-src": ["unsafe-inline"]}, "runs every script"),
        ({"default-src": ["self", "'unsafe-inline'"]}, "runs every script"),
        ({"script-src": ["nonce-abc"]}, "stays the same"),
        ({"script-src": ["'nonce-abc'"]}, "stays the same"),
        ({"script-src": ["sha256-!"]}, "is no source"),
        ({"upgrade-insecure-requests": ["self"]}, "write True"),
        ({}, "restricts nothing"),
        ({"default-src": None}, "restricts nothing"),
    ],
)
def test_directives_and_sources_that_browsers_would_ignore_are_refused(directives: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        ContentSecurityPolicy(directives)


def test_the_default_of_a_policy_is_named_where_signatures_are_shown() -> None:
    assert "=FROM_DEFAULTS" in str(inspect.signature(SecurityHeadersMiddleware)).replace(" = ", "=")
