"""Small faults, one at a time: every place of a module where an operator, a number or a name could be another."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARED |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}  # type: ignore[dict-item]
COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}
COUNTED |= {ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}  # type: ignore[dict-item]
PAIRS = (
    ("is_null", "is_not_null"), ("first", "last"), ("min", "max"), ("any", "all"), ("head", "tail"), ("floor", "ceil"),
    ("min_horizontal", "max_horizontal"), ("any_horizontal", "all_horizontal"), ("is_in", "not_in"), ("sum", "len"),
    ("cum_max", "cum_min"), ("forward_fill", "backward_fill"), ("drop_nulls", "cache"),
)  # fmt: skip
OTHER = {one: two for pair in PAIRS for one, two in (pair, pair[::-1])}
del OTHER["cache"], OTHER["not_in"]  # only one way makes sense
CHECKS = ("strict", "maintain_order")  # arguments that guard or steady an answer and do not make it


Way = tuple[str, Callable[[ast.AST], None]]


@dataclass(frozen=True, slots=True)
class Change:
    """One fault: where it is, what was changed, and the whole module with it."""

    line: int
    what: str
    source: str


def changes(source: str) -> Iterator[Change]:
    """Every fault of a module, in the order of its lines; no two give the same module.

    >>> [each.what for each in changes("def f(a: int) -> bool:\\n    return a + 1 < 1")]
    ['Lt -> LtE', 'Add -> Sub', '1 -> 2', '1 -> 2 #2']
    """
    tree = ast.parse(source)
    spared = {id(inner) for part in _words(tree) for inner in ast.walk(part)}
    nodes = _placed(tree)
    seen: set[str] = {ast.unparse(tree)}
    told: dict[tuple[int, str], int] = {}
    for at in sorted(range(len(nodes)), key=lambda at: (nodes[at].lineno, at)):
        if id(nodes[at]) in spared:
            continue
        line = nodes[at].lineno
        for what, change in _ways(nodes[at]):
            altered = ast.parse(source)
            change(_placed(altered)[at])
            if (new := ast.unparse(altered)) not in seen:
                seen.add(new)
                told[line, what] = count = told.get((line, what), 0) + 1
                yield Change(line, what if count == 1 else f"{what} #{count}", new)


def _placed(tree: ast.Module) -> list[Any]:
    return [node for node in ast.walk(tree) if hasattr(node, "lineno")]


def _words(tree: ast.Module) -> Iterator[ast.AST]:
    """Annotations and the words of errors do nothing that a test should hold."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            yield node
        elif isinstance(node, ast.AnnAssign) or (isinstance(node, ast.arg) and node.annotation):
            yield node.annotation
        elif isinstance(node, ast.keyword) and node.arg in CHECKS:
            yield node.value
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from node.decorator_list
            if isinstance(node, ast.FunctionDef) and node.returns:
                yield node.returns


def _ways(node: ast.AST) -> Iterator[Way]:
    """What can be wrong at one node."""
    if isinstance(node, ast.IfExp | ast.If | ast.While):
        yield "condition turned", _turned
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Attribute | ast.Name):
        yield from _of_name(node)
    else:
        yield from _of_sign(node)


def _of_sign(node: ast.AST) -> Iterator[Way]:
    if isinstance(node, ast.Compare):
        for at, sign in enumerate(node.ops):
            yield _swap("ops", COMPARED[type(sign)], at, of=type(sign))
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in COUNTED:
        yield _swap("op", COUNTED[type(node.op)], of=type(node.op))
    elif isinstance(node, ast.BoolOp):
        yield _swap("op", ast.Or if isinstance(node.op, ast.And) else ast.And, of=type(node.op))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert | ast.USub):
        yield f"{type(node.op).__name__} dropped", _dropped


def _of_constant(node: ast.Constant) -> Iterator[Way]:
    if isinstance(node.value, int | float):
        other = not node.value if isinstance(node.value, bool) else node.value + 1
        yield f"{node.value!r} -> {other!r}", _set("value", other)


def _of_name(node: ast.Attribute | ast.Name) -> Iterator[Way]:
    place = "attr" if isinstance(node, ast.Attribute) else "id"
    name = getattr(node, place)
    if name in OTHER and (place == "attr" or name in ("min", "max", "any", "all")):
        yield f"{name} -> {OTHER[name]}", _set(place, OTHER[name])


def _swap(place: str, other: type[ast.AST], at: int | None = None, *, of: type[ast.AST]) -> Way:
    def change(node: ast.AST) -> None:
        if at is None:
            setattr(node, place, other())
        else:
            getattr(node, place)[at] = other()

    return f"{of.__name__} -> {other.__name__}", change


def _set(place: str, value: object) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, place, value)


def _dropped(node: ast.AST) -> None:
    node.op = ast.UAdd()  # type: ignore[attr-defined]
    inner = node.operand  # type: ignore[attr-defined]
    node.operand = inner  # type: ignore[attr-defined]
    node.__class__ = ast.IfExp  # type: ignore[assignment]
    node.test, node.body, node.orelse = ast.Constant(True), inner, inner  # type: ignore[attr-defined]


def _turned(node: ast.AST) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]
