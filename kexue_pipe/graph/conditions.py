"""Conditions between the numbers of a configuration, written in yaml as Python comparisons.

    _holds_: {"k is None or window + T / k <= task.train_length": "the reason"}

Only arithmetic, comparisons, `and`, `or`, `not`, `min` and `max` over numbers, None and names;
a dotted name leads into another node. Nothing else of Python is evaluated.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from kexue_pipe.graph.errors import Refused

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip
_UNARY: dict[type, Callable[[Any], Any]] = {ast.Not: operator.not_, ast.USub: operator.neg}
_CALLS: dict[str, Callable[..., Any]] = {"min": min, "max": max}


def holds(condition: str, names: Mapping[str, Any]) -> bool:
    """Evaluate a condition over names; what is no such condition is refused."""
    try:
        return bool(_value(_parse(condition), names, condition))
    except (TypeError, ZeroDivisionError) as error:
        raise Refused(f"_holds_: {condition!r} cannot be computed: {error}") from None


@cache
def _parse(condition: str) -> ast.expr:
    try:
        return ast.parse(condition, mode="eval").body
    except SyntaxError:
        raise Refused(f"_holds_: {condition!r} is no comparison") from None


def _value(node: ast.expr, names: Mapping[str, Any], text: str) -> Any:
    def value(part: ast.expr) -> Any:
        return _value(part, names, text)

    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as constant):
            return constant
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Attribute(value=parent, attr=key) if isinstance(inner := value(parent), Mapping):
            if key in inner:
                return inner[key]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(value(part) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(value(part) for part in parts)
        case ast.UnaryOp(op=op, operand=part) if type(op) in _UNARY:
            return _UNARY[type(op)](value(part))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](value(left), value(right))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [value(part) for part in (left, *others)]
            pairs = zip(ops, values, values[1:], strict=False)
            return all(_BINARY[type(op)](a, b) for op, a, b in pairs)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CALLS:
            return _CALLS[name](*map(value, args))
    raise Refused(f"_holds_: {ast.unparse(node)!r} in {text!r} is no number, name or comparison")
