"""Plain paths are read without JMESPath, and must find what it finds."""

import jmespath
import pytest

from loyalty_service.trifft.expression import Expression

ROWS: tuple[object, ...] = (
    None,
    {},
    [1],
    "text",
    {"a": 1},
    {"a": None},
    {"a": [1]},
    {"a": {"b": 2}},
    {"a": {"b": {"c": 3}}},
    {"a b": {"c": 4}},
)


@pytest.mark.parametrize(
    "text", ["@", "a", "a.b", "a.b.c", "@.a", '"a b".c', "a[0].b", "[a, b]", "a.[b]", "a || b", "a.*"]
)
def test_expression_finds_what_jmespath_finds(text: str) -> None:
    assert [Expression(text).search(row) for row in ROWS] == [jmespath.search(text, row) for row in ROWS]
