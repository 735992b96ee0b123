"""The pydantic model and its rows, as whoever has no framework for it reads and writes them."""

import pydantic


class Model(pydantic.BaseModel):
    name: str
    price: float
    tags: list[str] = []


ROWS = [Model(name=f"raptor {number}", price=number / 4, tags=["claw"]) for number in range(1_000)]
one = pydantic.TypeAdapter(Model)
many = pydantic.TypeAdapter(list[Model])
decode_model, encode_model, encode_models = one.validate_json, one.dump_json, many.dump_json
