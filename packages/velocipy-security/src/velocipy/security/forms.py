"""The form that a client gets a token with (RFC 6749 section 4.3.2). Knows its fields; knows no users."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from velocipy.exceptions import ErrorItem, UnsupportedMediaType, ValidationError
from velocipy.handlers.markers import Form
from velocipy.http.forms import FormData
from velocipy.protocols import RequestHeaders
from velocipy.security.scopes import is_scope
from velocipy.validation import invalid

FIELDS: Final = ("grant_type", "username", "password", "scope", "client_id", "client_secret")


class OAuth2PasswordRequestForm:
    """Name and password as OAuth2 sends them: `form: Annotated[OAuth2PasswordRequestForm, Depends()]`.

    `scopes` is the list that `scope` is. 422 for a field that is missing, wrong or given twice (RFC 6749 section 3.2), 415 for
    a body that is not urlencoded. Answer with `Cache-Control: no-store` (section 5.1).
    """

    def __init__(
        self,
        form: FormData,
        headers: RequestHeaders,
        username: Annotated[str, Form(min_length=1)],
        password: Annotated[str, Form(min_length=1)],
        grant_type: Annotated[Literal["password"] | None, Form()] = None,
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form()] = None,
    ) -> None:
        media_type = (headers.get("content-type") or "").partition(";")[0].strip().lower()
        if media_type != "application/x-www-form-urlencoded":
            raise UnsupportedMediaType("a token is asked for with application/x-www-form-urlencoded")
        self.grant_type = grant_type
        self.username = username
        self.password = password
        self.scopes: list[str] = [part for part in scope.split(" ") if part]
        self.client_id = client_id
        self.client_secret = client_secret
        errors = _repeated(form)
        if not all(map(is_scope, self.scopes)):
            errors.append(_WRONG_SCOPE)
        if errors:
            raise ValidationError(errors)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(username={self.username!r}, scopes={self.scopes!r})"


class OAuth2PasswordRequestFormStrict(OAuth2PasswordRequestForm):
    """The same where `grant_type=password` must be there, as the RFC demands and some clients forget."""

    def __init__(
        self,
        form: FormData,
        headers: RequestHeaders,
        grant_type: Annotated[Literal["password"], Form()],
        username: Annotated[str, Form(min_length=1)],
        password: Annotated[str, Form(min_length=1)],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form()] = None,
    ) -> None:
        super().__init__(form, headers, username, password, grant_type, scope, client_id, client_secret)


_WRONG_SCOPE: Final = invalid(("form", "scope"), "scopes are visible ASCII, parted by spaces", "scope")


def _repeated(form: FormData) -> list[ErrorItem]:
    return [
        invalid(("form", name), "given more than once", "repeated")
        for name in FIELDS
        if len(form.getlist(name)) > 1
    ]
