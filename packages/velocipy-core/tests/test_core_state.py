"""State: a dict whose keys are attributes."""

import copy
import pickle

import pytest

from velocipy import State


def test_keys_and_attributes_are_one_thing() -> None:
    state = State(a=1)
    state.b = 2
    state["c"] = 3
    assert (state.a, state["b"], state.c) == (1, 2, 3)
    assert state == {"a": 1, "b": 2, "c": 3}
    del state.a
    assert "a" not in state


def test_what_is_missing_is_an_attribute_error_that_lists_what_is_there() -> None:
    with pytest.raises(AttributeError, match="no 'user'; it has 'a', 'b'"):
        _ = State(a=1, b=2).user
    with pytest.raises(AttributeError, match="it has nothing"):
        _ = State().user
    with pytest.raises(AttributeError):
        del State().user
    assert not hasattr(State(), "user")
    assert getattr(State(), "user", "default") == "default"


def test_a_state_can_be_copied_and_pickled() -> None:
    state = State(a=[1])
    deep = copy.deepcopy(state)
    assert deep == state
    assert deep.a is not state.a
    assert copy.copy(state) == state
    assert pickle.loads(pickle.dumps(state)) == state


def test_a_method_of_dict_is_no_key() -> None:
    state = State()
    state.items = "mine"  # type: ignore[assignment,method-assign]
    assert state["items"] == "mine"
    assert list(State(a=1).items()) == [("a", 1)]
