"""`velocipy check`: everything that can be known of an app without a request. Knows rules; changes nothing, sends nothing."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from velocipy import VelociPy
from velocipy.cli.adapters import installed_protocols
from velocipy.cli.arguments import add_app, app_of
from velocipy.cli.errors import FAILED, MISUSED, CommandError
from velocipy.cli.finding import configured
from velocipy.cli.findings import Finding, Rule, app_place, first_of, middleware_of, place_of
from velocipy.cli.listing import middleware_name, shortened
from velocipy.cli.posture import POSTURE
from velocipy.cli.terminal import styled
from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.routing.route import ANY, Route
from velocipy.untyped import LIST

HELP = "find what is wrong or unwise without a request: bindings of every route, settings, the order of middleware"


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy check`."""
    add_app(parser)
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="RULE",
        help="leave the warnings of a rule out, here or as [tool.velocipy] ignore of pyproject.toml; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="a JSON array of findings, for programs")


def run(options: Namespace) -> int:
    """Print what was found -> 0, or 1 where there is an error. Raises CommandError for an app that cannot be loaded."""
    ignored = _ignored(options)
    app = app_of(options)
    findings = [
        replace(finding, rule=name)
        for name, rule in RULES.items()
        for finding in rule(app)
        if finding.level == "error" or name not in ignored
    ]
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(app, findings)
    wrong = findings if options.strict else [each for each in findings if each.level == "error"]
    return FAILED if wrong else 0


def _ignored(options: Namespace) -> set[str]:
    """The rules that are named on the command line and in pyproject.toml. Raises CommandError for a name that no rule has."""
    listed: Any = configured(options.folder.resolve(), "ignore") or []
    if not isinstance(listed, LIST):
        raise CommandError(
            f'[tool.velocipy] ignore is a list of rules, as ["public-docs"], not {listed!r}', MISUSED
        )
    named = [*options.ignore, *listed]
    for name in named:
        if name not in RULES:
            raise CommandError(
                f"{name!r} is no rule of velocipy check; there are {', '.join(RULES)}", MISUSED
            )
    return set(named)


def _show(app: VelociPy, findings: list[Finding]) -> None:
    for finding in findings:
        colour = "red" if finding.level == "error" else "yellow"
        print(f"{styled(f'{finding.level}[{finding.rule}]', colour)}: {finding.what}")
        print(f"  {finding.where}" + (f"\n  {finding.fix}" if finding.fix else ""))
    errors = sum(finding.level == "error" for finding in findings)
    routes = sum(not route.is_ours for route in app.routes)
    print(f"routes checked: {routes}, errors: {errors}, warnings: {len(findings) - errors}")


# -- rules -----------------------------------------------------------------------------------------------------------


def every_route_compiles(app: VelociPy) -> Iterator[Finding]:
    """The handler of every route, for every protocol that is installed. What hinders both is said once."""
    protocols = installed_protocols()
    if not protocols:
        yield Finding(
            "error",
            "no protocol is installed, so that nothing can be served or checked",
            app_place(app),
            "pip install 'velocipy-rsgi[granian]' or 'velocipy-asgi[uvicorn]'",
        )
    seen: set[Finding] = set()
    for protocol in protocols:
        for route in app.routes:
            finding = _of_compiling(route, protocol)
            if finding is not None and finding not in seen:
                seen.add(finding)
                yield finding


def _of_compiling(route: Route, protocol: str) -> Finding | None:
    where = place_of(route)
    try:
        route.explain(protocol)
    except (ConfigurationError, MissingAdapterError) as exc:
        return Finding("error", str(exc), where)
    except Exception as exc:  # of a plugin or a backend of the user's
        return Finding("error", f"{type(exc).__name__}: {exc}", where)
    return None


def debug_is_off(app: VelociPy) -> Iterator[Finding]:
    """What debug shows is for nobody else's eyes."""
    if app.debug:
        yield Finding(
            "warning",
            "debug is on",
            app_place(app),
            "leave debug=True out where others can reach the app",
        )


ORDER = (
    ("RequestIDMiddleware", "TimingMiddleware", "so that the log of what is timed has the id"),
    (
        "TrustedHostMiddleware",
        "HTTPSRedirectMiddleware",
        "so that nobody is sent to a host that is not yours",
    ),
    (
        "TrustedHostMiddleware",
        "CORSMiddleware",
        "so that no preflight is answered for a host that is not yours",
    ),
    (
        "TrustedHostMiddleware",
        "SessionMiddleware",
        "so that no session is opened for a host that is not yours",
    ),
    ("TrustedHostMiddleware", "RateLimitMiddleware", "so that a host that is not yours takes nobody's share"),
    ("HTTPSRedirectMiddleware", "SessionMiddleware", "so that no session cookie is looked at without TLS"),
    (
        "CORSMiddleware",
        "RateLimitMiddleware",
        "so that pages of other origins can read a 429 and its Retry-After",
    ),
    (
        "TrustedHostMiddleware",
        "CrossOriginCheck",
        "so that an origin is compared with a host that is yours",
    ),
    ("TrustedHostMiddleware", "CSRF", "so that an origin is compared with a host that is yours"),
    (
        "CompressionMiddleware",
        "SessionMiddleware",
        "so that nothing is compressed before all headers are known",
    ),
)
"""(what should be added first and so stand outside, what should be added later, why); subclasses count as what they are of"""


def middleware_is_in_order(app: VelociPy) -> Iterator[Finding]:
    """The first added is the outermost: what refuses should not stand around what explains."""
    seen: set[tuple[str, str]] = set()
    for route in app.routes:
        items = middleware_of(route)
        for outer, inner, why in ORDER:
            after, before = first_of(outer, items), first_of(inner, items)
            if after is None or before is None or items.index(before) >= items.index(after):
                continue
            names = (middleware_name(before), middleware_name(after))
            if names not in seen:
                seen.add(names)
                yield Finding(
                    "warning",
                    f"{names[0]} is added before {names[1]}, and so stands outside of it",
                    place_of(route),
                    f"add {names[1]} first, {why}",
                )


def hidden_routes(app: VelociPy) -> Iterator[Finding]:
    """A mount that begins like a route of the app, where the reader may expect the other to answer."""
    mounts = [route for route in app.routes if ANY in route.methods]
    for mount in mounts:
        prefix = mount.path.partition("{")[0]
        for route in app.routes:
            if route is not mount and not route.is_ours and _is_below(route, prefix):
                yield Finding(
                    "warning",
                    f"{route.title} lies below the mount at {prefix!r}, and answers before it",
                    shortened(route.location),
                    "move one of them if that is not meant",
                )


def _is_below(route: Route, prefix: str) -> bool:
    return (
        prefix != "/" and route.path.startswith(prefix) and ANY not in route.methods and not route.is_socket
    )


RULES: Mapping[str, Rule] = {
    "routes-compile": every_route_compiles,
    "debug": debug_is_off,
    "middleware-order": middleware_is_in_order,
    "hidden-routes": hidden_routes,
    **POSTURE,
}
"""Their names are what `--ignore` takes; what does not compile is no warning, and cannot be left out."""
