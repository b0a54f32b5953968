"""The fenced blocks of a page, and what their words ask a test to do with them.

```toml                  a document, loaded             ```toml device      a simulated device, loaded
```toml file=NAME        the same, put beside the page's commands
```LANG example=NAME     stands in docs/examples/NAME   ```console          commands with what they print
```console run           run against a router           ```console run device=NAME   against that example
```python run, js run    likewise                       ```sh               commands; those of dinrail are parsed
```text, ```cpp          for people
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
EXAMPLES = DOCS / "examples"
PAGES = (DOCS / "ads.md", *sorted(DOCS.glob("ads-*.md")))
_FENCE = re.compile(r"^```(?P<words>[^`\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One block. words: what stands behind the opening fence, its language first. line: of that fence."""

    page: Path
    line: int
    words: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def runs(self) -> bool:
        return "run" in self.words[1:]

    @property
    def is_device(self) -> bool:
        return "device" in self.words[1:]

    def value(self, key: str) -> str:
        """Of `key=VALUE` among the words; empty when it is not there."""
        return next((word.partition("=")[2] for word in self.words if word.startswith(f"{key}=")), "")

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, and the lines that it is said to print."""

    words: tuple[str, ...]
    prints: tuple[str, ...]


def blocks(page: Path) -> Iterator[Block]:
    """All of a page."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, tuple(found["words"].split()), found["text"])


ALL = tuple(block for page in PAGES for block in blocks(page))


def commands(block: Block) -> Iterator[Command]:
    """Of a console block (`$ ` before each) or of a shell's (each line)."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "sh":
        yield from (Command(tuple(shlex.split(line, comments=True)), ()) for line in lines if line.strip())
        return
    starts = [at for at, line in enumerate(lines) if line.startswith("$ ")]
    assert starts[:1] == [0], f"{block}: begins with no command"
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield Command(tuple(shlex.split(lines[start][2:])), tuple(lines[start + 1 : end]))


def fits(said: tuple[str, ...], printed: str) -> bool:
    """Whether the lines are those: blanks count once, `...` is any text, and alone on a line any lines."""
    pattern = ""
    for line in said:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            parts = [r"\s+".join(map(re.escape, part.split(" "))) for part in " ".join(line.split()).split("...")]
            pattern += r"[ \t]*" + ".*".join(parts) + r"[ \t]*\n"
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    return re.fullmatch(pattern, lines) is not None
