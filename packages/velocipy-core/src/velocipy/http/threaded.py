"""A body whose chunks are made by code that blocks, sent as they come. Knows connections and threads; knows no files and no codings."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from velocipy.threads import iterate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from velocipy.protocols import HeaderPairs, HTTPConnection


async def send_made(
    connection: HTTPConnection, status: int, headers: HeaderPairs, made: Iterator[bytes], bulk: bool = False
) -> None:
    """Answer with the chunks that `made` gives in a thread, at least one of them.

    Nothing is sent before the first is there, so that a file that cannot be read is no half answer; a later failure breaks it off.
    """
    async with aclosing(iterate(made)) as chunks:
        first = await anext(chunks)
        stream = await connection.start_stream(status, headers, bulk)
        try:
            await stream.write(first)
            async for chunk in chunks:
                await stream.write(chunk)
            await stream.close()
        except BaseException:
            stream.abort()
            raise
