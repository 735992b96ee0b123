"""API keys: one secret text in a header, a query parameter or a cookie. Knows where it stands; knows whose it is only as a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import Parameter, Signature
from typing import Annotated, Any, ClassVar, Literal

from velocipy.config import Secret
from velocipy.handlers.markers import Cookie, Query
from velocipy.protocols import RequestHeaders
from velocipy.security.base import (
    MAX_CREDENTIALS,
    MISSING,
    WRONG,
    SecurityBase,
    challenge_of,
    check_quotable,
    check_token,
)
from velocipy.security.compare import AcceptedKeys


class _APIKey(SecurityBase):
    """What the three have in common; a class says where its key stands, and what that is read with."""

    _place: ClassVar[Literal["header", "query", "cookie"]]

    def __init__(
        self,
        name: str,
        *,
        keys: Iterable[str | Secret] | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        check_quotable("the name of an API key", name)
        if self._place != "query":
            check_token(f"the name of a key in a {self._place}", name)
        scheme = {"type": "apiKey", "in": self._place, "name": name, "description": description}
        super().__init__(scheme_name, scheme, auto_error=auto_error)
        self.name = name
        self._keys = None if keys is None else AcceptedKeys(keys, type(self).__name__)
        self._bind()

    def _bind(self) -> None:
        """Note what the key is read with."""
        raise NotImplementedError

    def challenge(self) -> str:
        """`ApiKey in="header", name="x-api-key"`: no registered scheme, but a 401 must name one (RFC 9110 section 15.5.2)."""
        return challenge_of(self.auth_scheme, **{"in": self._place, "name": self.name})

    def _check(self, found: Sequence[str]) -> str | None:
        """The one key that was given, if it is accepted; else the refusal. Of two nobody can say which one a proxy has checked."""
        given = [key for key in found if key and not key.isspace()]
        if len(found) == len(given) == 1 and self._accepts(given[0]):
            return given[0]
        self.refuse(WRONG if given else MISSING)
        return None

    def _accepts(self, key: str) -> bool:
        return len(key) <= MAX_CREDENTIALS and (self._keys is None or key in self._keys)

    def _read_by(self, annotation: Any, default: Any) -> None:
        # Stands for the signature of `__call__`, whose annotations are the class's and cannot know this object's name; the parameter
        # is named otherwise there, so that these count.
        kind = Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__: Signature = Signature(
            [Parameter("key", kind, default=default, annotation=annotation)]
        )


class APIKeyHeader(_APIKey):
    """A key in a header: `key: Annotated[str, Depends(APIKeyHeader("X-API-Key", keys=[...]))]`.

    Without `keys` any key passes and is yours to check, with `same_secret` or by its hash in a database. Gives the key; None only
    with `auto_error=False`, for a key that is missing, blank, given twice or not among `keys`.
    """

    _place = "header"

    def _bind(self) -> None:
        self._wire_name = self.name.lower()

    async def __call__(self, headers: RequestHeaders) -> str | None:
        """The key. Raises HTTPException(401)."""
        return self._check(headers.get_all(self._wire_name))


class APIKeyQuery(_APIKey):
    """A key in the query, with the arguments of APIKeyHeader. Addresses are logged and shared, and keys in them (ASVS 14.2.1):

    take a header wherever the client can send one.
    """

    _place = "query"

    def _bind(self) -> None:
        self._read_by(Annotated[list[str], Query(alias=self.name, include_in_schema=False)], ())

    async def __call__(self, found: Sequence[str]) -> str | None:
        """The key. Raises HTTPException(401)."""
        return self._check(found)


class APIKeyCookie(_APIKey):
    """A key in a cookie, with the arguments of APIKeyHeader. Browsers send it with what other sites make them send, too: guard

    what changes something with CSRF or CrossOriginCheck.
    """

    _place = "cookie"

    def _bind(self) -> None:
        self._read_by(Annotated[str | None, Cookie(alias=self.name, include_in_schema=False)], None)

    async def __call__(self, found: str | None) -> str | None:
        """The key. Raises HTTPException(401)."""
        return self._check(() if found is None else (found,))
