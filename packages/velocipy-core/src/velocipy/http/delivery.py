"""The last step of every answer that is a Response: middleware's headers, the gate, and what to do when it fails there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import ClientDisconnected
from velocipy.http.headers import check_default
from velocipy.http.response import JSON_TYPE, Response
from velocipy.messages import about_request
from velocipy.stopping import of_loop

if TYPE_CHECKING:
    from velocipy.background import BackgroundTask, BackgroundTasks
    from velocipy.protocols import HTTPConnection

logger = logging.getLogger("velocipy")

SERVER_ERROR = b'{"detail":"Internal Server Error"}'
"""The answer when nothing better can be made; a constant, so that it cannot fail too."""

HookHeader = tuple[int, str, Callable[..., str], bool]
"""Which hook (counted from 1), its header's name, what makes the value, and whether that takes the hook's token."""


async def deliver(
    connection: HTTPConnection,
    response: Response,
    template: str,
    defaults: Sequence[tuple[str, str]] = (),
    request_id: object = None,
) -> Exception | None:
    """Send a response with the headers that middleware adds -> None, or what kept it from being sent whole.

    `template` is the route's path, which with the request id tells the log what it was about.

    What is wrong with it is logged and becomes a 500 if nothing was sent yet; a body that breaks off later is logged once and
    leaves a connection that the server closes, where it has a way to. A client that left is nobody's error.
    """
    try:
        if defaults:
            response = response.fresh()
            response.add_defaults(defaults)
        if response.streams:
            with of_loop().stream():
                await response.send(connection)
        else:
            await response.send(connection)
        if response.background is not None:
            await _run(response.background)
    except ClientDisconnected as exc:
        logger.debug("%s %r: the client left before the answer was sent", connection.method, connection.path)
        return exc
    except Exception as exc:
        about = about_request(connection.method, template, connection.path, request_id)
        logger.exception("the answer to %s could not be sent", about)
        if not connection.started:
            # One line a field: nothing may be wrong with this answer too.
            headers = {**dict(defaults), "content-type": JSON_TYPE}
            await connection.send(500, list(headers.items()), SERVER_ERROR)
        return exc
    return None


async def _run(background: BackgroundTask | BackgroundTasks) -> None:
    """What a response brought along; a single task is one of several, whose failure is logged."""
    from velocipy.background import BackgroundTasks, tasks_of

    await BackgroundTasks(*tasks_of(background)).run()


def hook_headers(
    constants: Iterable[tuple[str, str]], entered: int, hooks: Sequence[HookHeader], tokens: Sequence[Any]
) -> list[tuple[str, str]]:
    """Constants and the headers of the hooks that were entered; one that fails is logged and left out."""
    pairs = list(constants)
    for (number, name, make, takes_token), token in zip(hooks, tokens, strict=True):
        if number <= entered:
            try:
                value = make(token) if takes_token else make()
                pairs.append(check_default(name, value))
            except Exception:
                logger.exception("the hook for header %r failed", name)
    return pairs
