"""Model backends: the same endpoint with a dataclass, a msgspec Struct, a pydantic model, and attrs through one of your own.

granian model_backends:app --interface rsgi
curl http://127.0.0.1:8000/struct -H 'content-type: application/json' -d '{"name": "mug", "price": 9.5}'
curl http://127.0.0.1:8000/struct -H 'content-type: application/json' -d '{"price": "x"}'   # 422, with every error
curl http://127.0.0.1:8000/attrs -H 'content-type: application/json' -d '{"name": "mug", "price": 9.5}'
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import attrs
import cattrs
import msgspec
import pydantic

from velocipy import VelociPy
from velocipy.exceptions import ErrorItem
from velocipy.models import ModelBackend, Serialization
from velocipy.validation import Place, invalid, missing


class AttrsBackend(ModelBackend):
    """attrs classes through cattrs: how a library becomes a backend."""

    name = "attrs"

    def __init__(self) -> None:
        self._converter = cattrs.Converter()

    def matches(self, annotation: Any) -> bool:
        """Whether the annotation is an attrs class."""
        return isinstance(annotation, type) and attrs.has(annotation)

    def validator(self, annotation: Any) -> Callable[[Any, list[ErrorItem], Place], Any]:
        """Values as JSON has them -> an instance; what is wrong becomes entries of a 422."""

        def validate(value: Any, errors: list[ErrorItem], place: Place) -> Any:
            if isinstance(value, annotation):
                return value
            try:
                return self._converter.structure(value, annotation)
            except cattrs.ClassValidationError as group:
                errors += [_entry(place, exc) for exc in group.exceptions]
            except (TypeError, ValueError):
                errors.append(invalid(place, "not what it must be", "value_error"))
            return None

        return validate

    def plain(self, annotation: Any, how: Serialization) -> Callable[[Any], Any]:
        """An instance -> what any JSON encoder can write."""
        return self._converter.unstructure


def _entry(place: Place, exc: Exception) -> ErrorItem:
    """One of cattrs' errors, which name their attribute in a note; what the client sent stays out of the answer."""
    if isinstance(exc, KeyError):
        return missing((*place, str(exc.args[0])))
    notes = [
        note for note in getattr(exc, "__notes__", []) if isinstance(note, cattrs.AttributeValidationNote)
    ]
    return invalid((*place, *(note.name for note in notes)), "not what it must be", "value_error")


app = VelociPy(title="Model backends")
app.register_model_backend(AttrsBackend)


@dataclass
class PlainItem:
    """Needs no library at all."""

    name: str
    price: float = 0.0


class StructItem(msgspec.Struct):
    """The fastest."""

    name: str
    price: float = 0.0


class PydanticItem(pydantic.BaseModel):
    """With validators, aliases and computed fields where they are wanted."""

    name: str
    price: float = 0.0


@attrs.define
class AttrsItem:
    """Known to the backend above."""

    name: str
    price: float = 0.0


@app.post("/dataclass")
async def with_dataclass(item: PlainItem) -> PlainItem:
    """Bytes become the model, and the model bytes."""
    return item


@app.post("/struct")
async def with_struct(item: StructItem) -> StructItem:
    """The same with msgspec."""
    return item


@app.post("/pydantic")
async def with_pydantic(item: PydanticItem) -> PydanticItem:
    """The same with pydantic."""
    return item


@app.post("/attrs")
async def with_attrs(item: AttrsItem) -> AttrsItem:
    """The same with attrs."""
    return item
