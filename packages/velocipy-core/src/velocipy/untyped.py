"""Classes of which nothing more is to be known, as of annotations, results and documents. Knows builtins; reads nothing.

`isinstance(value, DICT)` asks what `isinstance(value, dict)` asks. Afterwards a value of type Any is still Any to a type checker,
where by the builtin name it would be a `dict[Unknown, Unknown]`, of which every key and item is reported anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

ARRAY: Final[tuple[type[Any], ...]] = (list, tuple)
CLASS: Final[type[Any]] = type
DICT: Final[type[Any]] = dict
ITEMS: Final[tuple[type[Any], ...]] = (list, tuple, set, frozenset)
LIST: Final[type[Any]] = list
MAPPING: Final[type[Any]] = Mapping
MUTABLE: Final[tuple[type[Any], ...]] = (list, dict, set, bytearray)
NAMES: Final[tuple[type[Any], ...]] = (Mapping, Set)
TUPLE: Final[type[Any]] = tuple
