"""Paths, and lists, objects and choices of them, are read without JMESPath, with the same results."""

import jmespath
import pytest

from loyalty_service.trifft.expression import Expression

ROWS: tuple[object, ...] = (
    None,
    {},
    [1],
    "text",
    [],
    0,
    {"a": 1},
    {"a": {}},
    {"a": "", "b": "text"},
    {"a": None},
    {"a": [1]},
    {"a": {"b": 2}},
    {"a": {"b": {"c": 3}}},
    {"a b": {"c": 4}},
    {"a": False, "b": 1},
    {"a": 0, "b": 1},
    {"a": [], "b": 1},
    {"a": [{"b": 1, "c": 2}, {"b": None}, None, "text", [{"b": 3}, [{"b": 4}]]]},
)


TEXTS = ("@", "a", "a.b", "a.b.c", "@.a", '"a b".c', "a[0].b", "a || b", "a.*", "a && b")
LISTS = ("[a, b]", "a.[b]", "[@, a.b]", "a.[b, c][0]", "[[a], b]", "[a || b, b]")
OBJECTS = ("{x: a}", "a.{x: b, y: c}", "{x: a.{y: b}, z: [a]}", "a.{x: b.c}.x", "{x: a.*}")
CHOICES = (
    "a || b || @",
    "a && b || @",
    "a && (a[].{x: b} || a)",
    "@ && a",
    "a == `0` && b",
    "a && contains(keys(@), 'b')",
)
PROJECTIONS = ("a[].b", "a[]", "[].b", "a[].b.c", "a[].[b, c]", "a[].{x: b}", "a[*].b", "a[].b[]", "a[?b].c")


@pytest.mark.parametrize("text", [*TEXTS, *LISTS, *OBJECTS, *CHOICES, *PROJECTIONS])
def test_expression_finds_what_jmespath_finds(text: str) -> None:
    assert [Expression(text).search(row) for row in ROWS] == [jmespath.search(text, row) for row in ROWS]
