"""Every rule has a wrong program: what the compiler can say is said somewhere in these tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dinrail.plc

SOURCES = Path(dinrail.plc.__file__).parent
TESTS = Path(__file__).parents[1]
TELLS = {"error", "warning", "told", "tell"}
SAID = re.compile(r"(?:^ ?|\^ |@\d+ |=> \d+:\d+ )(?:warning )?([a-z0-9]+(?:-[a-z0-9]+)*): \S", re.MULTILINE)


def rules() -> dict[str, str]:
    """Each rule's name, as a pattern, and where it is told: the second argument of what tells it."""
    found: dict[str, str] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                for name, line in _told_in(function):
                    found.setdefault(name, f"{path.relative_to(SOURCES)}:{line}")
    return found


def _told_in(function: ast.FunctionDef) -> Iterator[tuple[str, int]]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) < 3:
            continue
        if node.func.attr in TELLS:
            for name in _names(node.args[1], function):
                yield name, node.lineno


def _names(node: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
    """What an expression can be: a text, one of two, a text with something in it, a local that holds one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (*_names(node.body, function), *_names(node.orelse, function))
    elif isinstance(node, ast.JoinedStr):
        parts = (re.escape(str(one.value)) if isinstance(one, ast.Constant) else "[a-z]+" for one in node.values)
        yield "".join(parts)
    elif isinstance(node, ast.Name):
        for other in ast.walk(function):
            if isinstance(other, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == node.id for t in other.targets
            ):
                yield from _names(other.value, function)


def said() -> set[str]:
    """The rules of all messages that a test expects; of a project's files, those that it names."""
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(SAID.findall(node.value))
                if path.parent.name == "project":
                    found.add(node.value)
    return found


RULES = rules()
EXPECTED = said()


def test_the_rules_are_found() -> None:
    """The collection sees rules told in each of its ways."""
    assert {"syntax", "undeclared", "narrowing", "no\\-[a-z]+", "unreachable", "missing\\-file"} <= set(RULES)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_has_a_wrong_program(rule: str) -> None:
    """Some test expects a message of it."""
    assert any(re.fullmatch(rule, name) for name in EXPECTED), f"{rule} is told by {RULES[rule]}, and expected nowhere"
