"""The list of hostile cases: number, group, one line each, and where it is to be shown. Knows no test and no server.

CASES[17].line, CASES[17].places     places are "asgi" and "rsgi" in this process, and five servers for a case on the wire
"""

from __future__ import annotations

from dataclasses import dataclass

IN_PROCESS = ("asgi", "rsgi")
SERVERS = ("granian-rsgi", "granian-asgi", "uvicorn-h11", "uvicorn-httptools", "hypercorn")
PLACES = IN_PROCESS + SERVERS


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the list; `wire` says that it is to be shown on sockets of every server as well."""

    number: int
    group: str
    line: str
    wire: bool

    @property
    def places(self) -> tuple[str, ...]:
        """Where it is to be shown."""
        return PLACES if self.wire else IN_PROCESS


# One line a case, in the order of their numbers; W stands before those that are for the wire too.
GROUPS = {
    "A. HTTP": """
W No Host, or an empty one
W Two Host lines
W Hosts that two readers could read differently
W Targets that are no path
W Redirects that could lead to another host
W Encoded slashes, NULs, line ends and broken bytes in a path
W Methods that no route has
W HEAD of a route, a stream, a file, and of nothing
W Bodies of answers that may have none
W A Content-Length that does not fit
W Headers that belong to the connection, set by the app
W Header names and values that are none
W Statuses that are none
W An exception before the answer
W An exception in the middle of a stream
W Headers without number, and without end
W Clients that leave before, in and after a body, and in a stream
W Bodies that are cut off
""",
    "B. Parameters": """
Queries of 100,000 fields, and of one field of 60 KB
Queries that are read in more than one way
A name that comes twice, or from several places
Numbers that only some readers take for an int
Floats, bools, UUIDs, times and choices that are none
Header names with underscores, twice, and with bytes that are no text
Cookies that other parsers trip over
Paths that are long, deep, or climb
What a 422 says of hostile values
Defaults, None and optional types
""",
    "C. Bodies and JSON": """
W Bodies of the limit, and of one byte more, however they say their length
W Bodies that never end
JSON of 100,000 levels
Integers of 20 and of 5,000 digits
NaN, Infinity, and numbers beyond any float
Surrogates, broken UTF-8, and NULs in names
Names that come twice in an object
JSON in UTF-16 and UTF-32, with marks, with nothing, with more behind it
Bodies that do not say that they are JSON
Bodies that are compressed
Bodies where none is read, and none where one is
Answers that no encoder can write
""",
    "D. Forms and uploads": """
Urlencoded forms beyond their limits
Parts and files beyond their number
A text field of 50 MB
Megabytes before the first boundary and behind the last
Part headers without number, and without end
Boundaries that are none
Multipart bodies that are cut at any byte
Parts without a name, with two, and with the names of others
File names that lead elsewhere
An upload of 20 MB while another request is served
Content that looks like boundaries, in pieces of any size
Uploads that end in an error
A disk that is full
Encodings of single parts
Charsets of single parts
What a 422 says of a form
""",
    "E. Static files": """
W Paths that lead out of the folder
Folders beside it, and links that lead out, in circles and to nothing
NULs, backslashes, drives and devices
Hidden files, folders and missing slashes
Range headers
Conditional headers
Files that change, end or vanish while they are sent, and what is no file
Ranges of HEAD, If-Range, and files with compression around them
Types of files, and pages that others uploaded
The edges of a mount's prefix
""",
    "F. Sessions": """
A cookie with one byte changed
Cookies cut, longer, in other alphabets, of others
Cookies that are too old, or from the future
An old cookie after logout
Secrets that are rotated
Secrets that are none
Cookies of 4,095, 4,096 and 4,097 bytes, and one of 1 MB
A good signature over what is no session
A session that is only looked at, and one that is written
The attributes of the cookie
An exception after the session was written
Two requests that write at once, and WebSockets
""",
    "G. Security helpers": """
API keys that are missing, wrong, long, double
Basic credentials that are none
Bearer tokens that are none
The form of OAuth2
Schemes that do not refuse by themselves
Guards of an app, for everything below it
Dependencies that fail in teardown, are replaced, are shared
Secrets in texts, logs, errors and documents
""",
    "H. Middleware": """
Origins that are not allowed
Preflights that are strange
CORS headers on errors, redirects and streams
Hosts that are nearly the allowed one
Redirects to HTTPS with a hostile Host
Security headers on errors and refusals
Answers that must not be compressed
Request IDs of strangers
Forwarded headers, trusted and not
Middleware that raises, or does not do its part
The order of middleware
Exception handlers that fail
Pages of documentation with hostile texts
Templates with hostile texts
""",
    "I. WebSockets": """
W Origins of others
W Subprotocols that are none
W Messages that are too long
W Messages of the wrong kind, broken text, floods of pings
Calls in the wrong order
Endpoints that raise
W A peer that does not read
An endpoint that does not read
HTTP to a WebSocket route, and the other way round
Connections without end, one after the other
""",
    "J. Limiter": """
The invariants of every algorithm
Memory, Redis and the oracle on the same traces
A limit of 100 under callers, threads and processes
The instants around a reset
The headers of a limit
Addresses that clients make up
Keys with separators, patterns and look-alikes
Two rules, one of which refuses
What counts: handshakes, misses, failures
Clocks that jump
A rule that is changed
Rules that make no sense
""",
    "K. Redis faults": """
Redis that is down at the start
A connection that is refused in flight
Redis that takes everything and says nothing
Redis that is slow
A connection that ends within a reply
Replies in slices of one byte
Something else on Redis' port
Scripts that are gone
Keys that are gone
Error replies of every kind
A pool that is empty
Calls that are cancelled
A key that never expires
Sentinel and Cluster
""",
    "L. Lifecycle": """
W SIGTERM while work is in flight
W A second SIGTERM, and a grace that is over
A lifespan that does not start
The state of a lifespan
Background tasks that raise, are slow, are cut
Requests before the start and after the end
Teardown, whatever ends a request
Workers, forks, factories and reloads
Event loops, versions and flags of Python
Threads that are all busy
""",
    "M. Growth": """
Paths, methods, hosts and names that are all different
Identities of a limiter without end
Requests of every kind, for a long time
Uploads that are broken off
Exceptions, and what they hold
Streams that are broken off
Test clients
Lines in the log
""",
}


def listed() -> dict[int, Case]:
    """GROUPS as records, numbered from 1."""
    rows = [(group, line) for group, lines in GROUPS.items() for line in lines.strip().splitlines()]
    return {
        number: Case(number, group, line.removeprefix("W "), line.startswith("W "))
        for number, (group, line) in enumerate(rows, 1)
    }


CASES = listed()
