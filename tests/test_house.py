"""The walls, executed: what the import contracts cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "dinrail"
PURE = next(
    contract["source_modules"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    if contract["name"] == "Pure rooms touch nothing"
)
FORBIDDEN_NAMES = {"open", "exec", "eval", "input", "breakpoint"}
FORBIDDEN_ATTRIBUTES = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
HEAVY = ("pydantic", "rich.table", "rich.progress", "asyncio", "qemu", "llvmlite", "dinrail.lab", "dinrail.guest")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def files_of(module: str) -> Iterator[Path]:
    path = SOURCE.joinpath(*module.split(".")[1:])
    yield from path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]


PURE_FILES = sorted({path for module in PURE for path in files_of(module) if path.exists()})
ALL_FILES = sorted(SOURCE.rglob("*.py"))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(SOURCE)) for path in paths]


@pytest.mark.parametrize("path", PURE_FILES, ids=names(PURE_FILES))
def test_a_pure_room_neither_opens_nor_evaluates_nor_asks_for_the_time(path: Path) -> None:
    """A pure room calls neither open, exec nor eval, and takes the time as an argument."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_NAMES, f"{path}:{node.lineno} calls {node.func.id}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            pair = (owner.id if isinstance(owner, ast.Name) else "", node.func.attr)
            assert pair not in FORBIDDEN_ATTRIBUTES, f"{path}:{node.lineno} calls {'.'.join(pair)}"


@pytest.mark.parametrize("path", ALL_FILES, ids=names(ALL_FILES))
def test_files_and_functions_stay_small(path: Path) -> None:
    """No file grows over 400 lines and no function over 60: one that does is two."""
    text = path.read_text()
    assert text.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{path}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", ALL_FILES, ids=names(ALL_FILES))
def test_nothing_is_swallowed_and_no_shell_is_used(path: Path) -> None:
    """No bare or blanket except hides a fault (cleaning up ends by raising), and no command goes through a shell."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.id if isinstance(node.type, ast.Name) else ""
            assert node.type is not None, f"{path}:{node.lineno} bare except"
            raises_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            blanket = caught in ("Exception", "BaseException") and not raises_on
            assert not blanket, f"{path}:{node.lineno} blanket except"
        if isinstance(node, ast.keyword) and node.arg == "shell":
            raise AssertionError(f"{path}:{node.value.lineno} shell=")
        if isinstance(node, ast.Attribute) and node.attr in ("system", "popen"):
            assert not (isinstance(node.value, ast.Name) and node.value.id == "os"), (
                f"{path}:{node.lineno} os.{node.attr}"
            )


def test_help_loads_nothing_heavy() -> None:
    """`dinrail --help` imports no wing, no pydantic, no event loop and draws no tables of its own."""
    script = (
        "import sys\nfrom dinrail.cli import main\nsys.argv=['dinrail','--help']\n"
        "try:\n main.main()\nexcept SystemExit:\n pass\n"
        "sys.stderr.write('\\n'.join(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(run.stderr.split("\n"))
    # rich's help formatter draws the help page itself; everything below is ours to keep out.
    ours = [name for name in loaded for heavy in HEAVY if name == heavy or name.startswith(heavy + ".")]
    assert [name for name in ours if not name.startswith("rich.")] == []


def test_every_public_function_says_what_it_is_for() -> None:
    """Every public module, class and function of the pure ground floor has a docstring."""
    bare: list[str] = []
    for path in PURE_FILES:
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree) and path.stat().st_size:
            bare.append(str(path))
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                bare.append(f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}")
    assert bare == []


def test_the_keeper_starts_with_the_standard_library_alone() -> None:
    """The keeper imports from an interpreter that sees no installed package but dinrail itself."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); import dinrail.guest.keeper"
    subprocess.run([sys.executable, "-I", "-S", "-c", script, str(ROOT / "src")], check=True)
