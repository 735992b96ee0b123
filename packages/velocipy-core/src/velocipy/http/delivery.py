"""The last step of every answer that is a Response: middleware's headers, the gate, and what to do when it fails there."""

from __future__ import annotations

import logging
import types
from collections.abc import Coroutine, Generator, Sequence
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import ClientDisconnected
from velocipy.http.leaving import Presence, rest_of
from velocipy.http.response import Response
from velocipy.http.wording import DETAILS, Refuse, Wording
from velocipy.messages import about_request
from velocipy.stopping import of_loop

if TYPE_CHECKING:
    from velocipy.background import BackgroundTask, BackgroundTasks
    from velocipy.exceptions import HTTPException
    from velocipy.protocols import HTTPConnection

logger: logging.Logger = logging.getLogger("velocipy")


class Unread(Response):
    """The answer where the client has left before there was one: a server wants one all the same."""

    __slots__ = ()


class Refusing:
    """Has exception handlers answer, and remembers what they did: that is what was sent, and what it leaves to be done is done."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self.response: Response | None = None

    async def __call__(self, exc: HTTPException) -> Response:
        """The answer to an exception."""
        self.response = await self._refuse(exc)
        return self.response


async def deliver(
    connection: HTTPConnection,
    response: Response,
    template: str,
    defaults: Sequence[tuple[str, str]] = (),
    request_id: object = None,
    wording: Wording = DETAILS,
    refuse: Refuse | None = None,
) -> Exception | None:
    """Send a response with the headers that middleware adds -> None, or what kept it from being sent whole.

    `template` is the route's path, which with the request id tells the log what it was about; `wording` is that of its app,
    and `refuse` has exception handlers answer what the response finds out while it is sent.

    What is wrong with it is logged and becomes a 500 if nothing was sent yet; a body that breaks off later is logged once and
    leaves a connection that the server closes, where it has a way to. A client that left is nobody's error.
    """
    try:
        if defaults:
            response = response.fresh()
            response.add_defaults(defaults)
        if response.streams:
            refusing = None
            if refuse is not None or wording is not DETAILS:
                refusing = None if refuse is None else Refusing(refuse)
                response = response.worded(wording, refusing)
            sending = response.send(connection)
            # Most never wait: nothing else runs meanwhile, so nobody can leave, and a look-out is 5 us. `for` makes no StopIteration.
            for waiting in sending.__await__():
                await _attended(sending, waiting, connection)
                break
            if refusing is not None and refusing.response is not None:
                response = refusing.response
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
            headers = {**dict(defaults), "content-type": wording.media_type}
            await connection.send(500, list(headers.items()), wording.bare(500))
        return exc
    return None


@types.coroutine
def _attended(
    sending: Coroutine[Any, Any, None], waiting: Any, connection: HTTPConnection
) -> Generator[Any, Any, None]:
    """Await the rest of a stream, which its client may leave and a stopping server breaks off."""
    with of_loop().stream(), Presence(connection.leaving):
        yield from rest_of(sending, waiting)


async def _run(background: BackgroundTask | BackgroundTasks) -> None:
    """What a response brought along; a single task is one of several, whose failure is logged."""
    from velocipy.background import BackgroundTasks, tasks_of

    await BackgroundTasks(*tasks_of(background)).run()
