"""What cannot be bound is an error at registration that names function, parameter, file:line and the fix."""

import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import pytest

from velocipy import (
    APIRouter,
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.handlers.markers import guard


class Thing:
    """Nothing that any source has."""


def refusal(endpoint: Callable[..., Any], path: str = "/", **keywords: Any) -> str:
    """The message with which a route is refused."""
    app = VelociPy(dependencies=keywords.pop("dependencies", ()), middleware=keywords.pop("middleware", ()))
    with pytest.raises(BindingError) as caught:
        app.add_route(path, endpoint, **keywords)
    assert isinstance(caught.value, ConfigurationError | ValueError)
    assert app.routes == ()
    return str(caught.value)


def place(function: Callable[..., Any]) -> str:
    return f"{function.__name__} ({__file__}:{function.__code__.co_firstlineno})"


def test_a_hole_that_no_parameter_takes_asks_whether_another_name_was_meant() -> None:
    async def endpoint(userid: int) -> None: ...

    assert refusal(endpoint, "/users/{user_id}") == (
        f"GET /users/{{user_id}}: no parameter of {place(endpoint)} takes {{user_id}}; did you mean 'userid' in the "
        "path, or 'user_id' in the function?"
    )


def test_a_hole_whose_parameter_reads_something_else_is_told_so() -> None:
    async def endpoint(user_id: Annotated[int, Header()]) -> None: ...

    assert refusal(endpoint, "/users/{user_id}") == (
        f"GET /users/{{user_id}}: no parameter of {place(endpoint)} takes {{user_id}}: 'user_id' reads something else, as its "
        "marker says. Leave that out, or name the hole otherwise"
    )


def test_a_hole_may_be_left_to_whoever_asks_for_the_request() -> None:
    async def dependency(request: Request) -> None: ...

    async def direct(request: Request) -> None: ...

    async def below(_: Annotated[None, Depends(dependency)]) -> None: ...

    app = VelociPy()
    app.add_route("/direct/{id}", direct)
    app.add_route("/below/{id}", below)
    assert len(app.routes) == 2


def test_a_hole_is_not_taken_by_middleware_or_guards_that_see_the_request() -> None:
    class Looking:
        def before(self, request: Request) -> None: ...

    async def listed(request: Request) -> None: ...

    async def endpoint() -> None: ...

    message = refusal(endpoint, "/{id}", middleware=[Looking()], dependencies=[Depends(listed)])
    assert "no parameter of endpoint" in message


def test_a_hole_that_only_the_final_prefix_has_is_checked_at_inclusion() -> None:
    router = APIRouter()

    @router.get("/items")
    async def endpoint() -> None: ...

    with pytest.raises(BindingError, match="no parameter of endpoint .* takes {tenant}"):
        VelociPy().include_router(router, "/{tenant}")


def test_a_path_marker_needs_a_hole() -> None:
    async def endpoint(user: Annotated[int, Path()], users: str) -> None: ...

    assert refusal(endpoint, "/{users}") == (
        f"parameter 'user' of {place(endpoint)}: '/{{users}}' has no hole {{user}}; did you mean 'users'? Write one, or "
        "read it from elsewhere with Query()"
    )


def test_a_typed_hole_and_another_annotation_contradict_each_other() -> None:
    async def endpoint(id: str) -> None: ...

    assert refusal(endpoint, "/{id:int}") == (
        f"parameter 'id' of {place(endpoint)} gets int from {{id:int}}: annotate it so, or write {{id}} in the path and keep "
        "the annotation and its constraints"
    )


def test_a_typed_hole_takes_no_constraints() -> None:
    async def endpoint(id: Annotated[int, Path(ge=1)]) -> None: ...

    assert "gets int from {id:int}" in refusal(endpoint, "/{id:int}")


def test_a_parameter_without_annotation_is_told_what_to_write() -> None:
    async def endpoint(usr, user: str):  # type: ignore[no-untyped-def]  # that is what the test is about
        ...

    assert refusal(endpoint, "/{user}") == (
        f"parameter 'usr' of {place(endpoint)} has no annotation: write usr: str, or Request, or Depends(...)"
        "; did you mean 'user'?"
    )


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (Thing, "Thing"),
        (Thing | None, "test_core_binding_errors.Thing | None"),
        (list[Thing], "list[test_core_binding_errors.Thing]"),
        (bytes, "bytes"),
        (object, "object"),
        (Any, "Any"),
    ],
)
def test_an_annotation_that_nothing_fills_is_never_taken_for_something_else(
    annotation: Any, shown: str
) -> None:
    async def endpoint(thing: Any) -> None: ...

    endpoint.__annotations__["thing"] = annotation
    message = refusal(endpoint, methods=["POST"])
    assert message.startswith(f"parameter 'thing' of {place(endpoint)}: nothing fills ")
    assert shown.rpartition(".")[2] in message
    assert "for anything else write Depends(...)" in message


@pytest.mark.parametrize("annotation", [Thing, dict[str, Thing], bytes])
def test_a_body_of_a_type_that_nothing_validates_is_refused(annotation: Any) -> None:
    async def endpoint(item: Any = Body()) -> None: ...

    endpoint.__annotations__["item"] = annotation
    assert f"parameter 'item' of {place(endpoint)}: nothing fills" in refusal(endpoint, methods=["POST"])


def test_a_form_and_a_json_body_exclude_each_other() -> None:
    async def dependency(name: Annotated[str, Form()]) -> None: ...

    async def endpoint(a: dict[str, Any], b: Annotated[None, Depends(dependency)]) -> None: ...

    assert refusal(endpoint, methods=["POST"]) == (
        f"parameter 'a' of {place(endpoint)} is a JSON body and parameter 'name' of {place(dependency)} a form: a request "
        "has one body, so make both Form()"
    )


def test_a_hook_s_body_and_another_are_one_too_many() -> None:
    class Hook:
        def before(self, item: dict[str, Any]) -> None: ...

    async def endpoint(a: dict[str, Any]) -> None: ...

    assert "both take the body: keep one" in refusal(endpoint, methods=["POST"], middleware=[Hook()])


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        (Annotated[int, Query], inspect.Parameter.empty, "write Query(), with parentheses"),
        (int, Header, "write Header(), with parentheses"),
        (Annotated[int, Depends], inspect.Parameter.empty, "write Depends(...), with parentheses"),
        (Annotated[int, Query(), Header()], inspect.Parameter.empty, "has 2 markers: keep one"),
        (Annotated[int, Query()], Query(3), "has 2 markers: keep one"),
    ],
)
def test_a_marker_is_called_and_there_is_one(annotation: Any, default: Any, message: str) -> None:
    async def endpoint(value: Any) -> None: ...

    endpoint.__annotations__["value"] = annotation
    if default is not inspect.Parameter.empty:
        endpoint.__defaults__ = (default,)
    said = refusal(endpoint)
    assert said.startswith(f"parameter 'value' of {place(endpoint)}") and said.endswith(message)


@pytest.mark.parametrize(
    ("annotation", "marker", "message"),
    [
        (list[int], Cookie(), "list[int] cannot be read from the cookie, which gives a scalar"),
        (dict[str, Any], Query(), "dict[str, Any] cannot be read from the query, which gives"),
        (bytes, Query(), "bytes cannot be read from the query, which gives"),
        (str, File(), "a file is an UploadFile or list[UploadFile], not str"),
        (
            list[int],
            Query(ge=1),
            "ge says nothing about list[int]: bound its items: list[Annotated[int, Query(ge=...)]]",
        ),
        (int, Query(style="deepObject"), "style='deepObject' says nothing about int: leave it out"),
        (str, Query(style="pipeDelimited"), "style='pipeDelimited' says nothing about str: leave it out"),
        (int, Query(explode=False), "explode=False says nothing about int: leave it out"),
        (
            set[int],
            Query(style="deepObject"),
            "style='deepObject' says nothing about set[int]: one of 'form', 'spaceDelimited', 'pipeDelimited' is for lists",
        ),
    ],
)
def test_a_marker_on_the_wrong_thing_is_refused(annotation: Any, marker: Any, message: str) -> None:
    async def endpoint(value: Any) -> None: ...

    endpoint.__annotations__["value"] = Annotated[annotation, marker]
    assert refusal(endpoint, methods=["POST"]).startswith(
        f"parameter 'value' of {place(endpoint)}: {message}"
    )


def test_two_parameters_of_one_function_must_not_read_one_thing() -> None:
    async def endpoint(a: int, b: Annotated[int, Query(alias="a")]) -> None: ...

    assert refusal(endpoint) == (
        f"parameter 'b' of {place(endpoint)} and parameter 'a' both read the query 'a': give one another alias, or leave it out"
    )


def test_two_functions_may_read_one_thing() -> None:
    async def dependency(a: int) -> None: ...

    async def endpoint(a: int, b: Annotated[None, Depends(dependency)]) -> None: ...

    app = VelociPy()
    app.add_route("/", endpoint)
    assert len(app.routes) == 1


def test_an_unknown_keyword_of_a_route_is_told_with_what_was_meant() -> None:
    async def endpoint() -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        VelociPy().get("/x", respons_model=dict)(endpoint)  # type: ignore[call-arg]
    assert str(caught.value).startswith(
        f"the route '/x' ({place(endpoint)}) takes no 'respons_model'; did you mean 'response_model'?"
    )


@pytest.mark.parametrize(
    ("marker", "annotation", "message"),
    [
        (Query(min_length=1), int, "min_length says nothing about int: leave it out"),
        (Header(ge=1), str, "ge says nothing about str: leave it out"),
        (Query(pattern="a"), bool | None, "pattern says nothing about bool: leave it out"),
    ],
)
def test_a_constraint_that_cannot_be_held_is_refused(marker: Any, annotation: Any, message: str) -> None:
    async def endpoint(value: Any) -> None: ...

    endpoint.__annotations__["value"] = Annotated[annotation, marker]
    assert refusal(endpoint) == f"parameter 'value' of {place(endpoint)}: {message}"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Request, "WEBSOCKET /ws has no Request: ask for a WebSocket"),
        (Response, "WEBSOCKET /ws is a WebSocket route and has no Response to set headers on: leave it out"),
        (dict, "a WebSocket's handshake has no body; receive() a first message"),
    ],
)
def test_a_websocket_has_no_request_response_or_body(annotation: Any, message: str) -> None:
    async def endpoint(value: Any) -> None: ...

    endpoint.__annotations__["value"] = annotation
    app = VelociPy()
    with pytest.raises(BindingError) as caught:
        app.websocket("/ws")(endpoint)
    assert str(caught.value) == f"parameter 'value' of {place(endpoint)}: {message}"


def test_an_http_route_has_no_websocket() -> None:
    async def endpoint(websocket: WebSocket) -> None: ...

    assert refusal(endpoint) == (
        f"parameter 'websocket' of {place(endpoint)}: GET / is not a WebSocket route: ask for a Request"
    )


@pytest.mark.parametrize("guarded", [False, True])
def test_dependencies_that_need_each_other_are_named_in_their_circle(guarded: bool) -> None:
    async def first(second: Any) -> None: ...

    async def second(first: Annotated[None, Depends(first)]) -> None: ...

    first.__annotations__["second"] = Annotated[None, Depends(second)]
    if guarded:
        guard(second)

    async def endpoint(value: Annotated[None, Depends(first)]) -> None: ...

    message = refusal(endpoint)
    assert message.startswith(
        f"dependencies of GET / ({__file__}:{endpoint.__code__.co_firstlineno}) go in a circle: "
    )
    assert "first -> second -> first" in message or "second -> first -> second" in message
    assert "must not need itself" in message


def test_a_circle_around_a_guard_and_a_body_is_named_too() -> None:
    async def signed() -> None: ...

    async def first(second: Any, item: dict[str, Any], _: Annotated[None, Depends(signed)]) -> None: ...

    async def second(first: Annotated[None, Depends(first)], item: dict[str, Any]) -> None: ...

    first.__annotations__["second"] = Annotated[None, Depends(second)]
    guard(signed)

    async def endpoint(value: Annotated[None, Depends(first)]) -> None: ...

    assert " go in a circle: first -> second -> first; " in refusal(endpoint, methods=["POST"])


def test_one_of_several_bodies_that_its_library_cannot_read_is_named() -> None:
    class Cat(msgspec.Struct):
        name: str

    class Dog(msgspec.Struct):
        name: str

    async def endpoint(pet: Any, other: Any) -> None: ...

    endpoint.__annotations__.update(pet=Cat | Dog, other=Cat)
    message = refusal(endpoint, methods=["POST"])
    assert message.startswith(f"parameter 'pet' of {place(endpoint)}: msgspec cannot decode ")
    assert "must be tagged" in message


@contextmanager
def managing() -> Iterator[int]:
    yield 1


def test_an_endpoint_must_not_be_a_context_manager() -> None:
    message = refusal(managing)
    assert re.match(
        r"the endpoint managing \(.*:\d+\) is a context manager, or yields on a WebSocket: it must return",
        message,
    )


def test_a_before_hook_must_not_yield() -> None:
    class Yielding:
        def before(self) -> Iterator[None]:
            yield

    async def endpoint() -> None: ...

    message = refusal(endpoint, middleware=[Yielding()])
    assert re.match(r"before \(.*:\d+\) is a before-hook and must return, not yield: ", message)


def test_listed_dependencies_are_wrapped_in_depends() -> None:
    async def endpoint() -> None: ...

    message = refusal(endpoint, dependencies=[managing])
    assert message == (
        f"dependencies of GET / ({__file__}:{endpoint.__code__.co_firstlineno}) holds managing itself: "
        "write Depends(managing)"
    )


@pytest.mark.parametrize(("outer", "inner"), [("request", None), ("request", "function"), (None, "function")])
def test_a_dependency_must_not_outlive_what_it_uses(outer: Any, inner: Any) -> None:
    async def connection() -> AsyncIterator[None]:
        yield

    async def named(_: Annotated[None, Depends(connection, scope=inner)]) -> str:
        return "between"

    async def transaction(_: Annotated[str, Depends(named)]) -> AsyncIterator[None]:
        yield

    async def endpoint(_: Annotated[None, Depends(transaction, scope=outer)]) -> None: ...

    assert refusal(endpoint) == (
        f"{place(transaction)} has scope={outer!r} and would outlive {place(connection)}, which it uses and which has "
        f"scope={inner!r}: give both the same scope in Depends(...)"
    )


@pytest.mark.parametrize(
    ("outer", "inner"), [(None, None), ("function", None), ("function", "request"), (None, "request")]
)
def test_a_dependency_may_end_before_what_it_uses(outer: Any, inner: Any) -> None:
    async def connection() -> AsyncIterator[None]:
        yield

    async def transaction(_: Annotated[None, Depends(connection, scope=inner)]) -> AsyncIterator[None]:
        yield

    async def endpoint(_: Annotated[None, Depends(transaction, scope=outer)]) -> None: ...

    app = VelociPy()
    app.add_route("/", endpoint)
    assert len(app.routes) == 1


def test_a_bad_dependency_is_named_and_not_the_endpoint_that_needs_it() -> None:
    async def dependency(thing: Thing) -> None: ...

    async def endpoint(_: Annotated[None, Depends(dependency)]) -> None: ...

    assert refusal(endpoint).startswith(f"parameter 'thing' of {place(dependency)}: ")


def test_a_builtin_without_a_signature_is_an_error_too() -> None:
    async def endpoint(_: Annotated[Any, Depends(dict)]) -> None: ...

    assert refusal(endpoint).startswith("the signature of dict (")


def test_what_stands_in_a_list_of_dependencies_and_is_no_function_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'check': write Depends\(\.\.\.\) with a function"):
        VelociPy(plugins=False, dependencies=["check"]).get("/")(lambda: "x")  # type: ignore[list-item]
