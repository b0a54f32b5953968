"""Every error that dinrail raises on purpose, as one small tree.

    DinrailError                  what happened, where, why it matters, what to try
    ├── Refused          exit 1   our own check said no; nothing was changed
    │   └── FormatError           bytes are not what their structure demands
    │       └── Truncated         they end inside a field
    ├── BadRequest       exit 2   the request itself was wrong: arguments, configuration
    └── HostError        exit 3   the operating system refused
        └── CommandFailed         a command we ran did (argv, status, stderr)

A package may add leaves below these, never a new root. The parts stay apart (`what`, `where`, `why`, `hint`), so that
the command line prints them as lines and `--json` as fields, and no text is ever parsed again. The cause is chained
with `from` and never repeated in the outer text.
"""

from __future__ import annotations

import shlex


class DinrailError(Exception):
    """The root: one fault, told so that its reader can act on it.

    what:    one sentence, no full stop: what was found.
    where:   file, device, field or option that it concerns.
    why:     why that stops us (the rule, or the part of the system that needs it).
    hint:    what to try next.
    details: further lines, one each: all faults of a document, or findings behind a refusal.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        hint: str | None = None,
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what

    def lines(self) -> list[str]:
        """The whole fault as lines for a terminal: the sentence first, then details, reason and hint."""
        out = [str(self)]
        out += [f"  {line}" for line in self.details]
        if self.why:
            out.append(f"  why: {self.why}")
        if self.hint:
            out.append(f"  try: {self.hint}")
        return out

    def as_dict(self) -> dict[str, object]:
        """The same as fields, for `--json`."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "hint": self.hint,
            "details": list(self.details),
        }


class Refused(DinrailError):
    """Our own check said no. Nothing on the host was changed."""

    exit_code = 1


class FormatError(Refused):
    """Bytes that are not what their structure demands. `structure` and `field` name the place in the standard."""

    def __init__(
        self,
        what: str,
        *,
        structure: str,
        field: str | None = None,
        offset: int | None = None,
        where: str | None = None,
        why: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.structure = structure
        self.field = field
        self.offset = offset

    def __str__(self) -> str:
        place = self.structure if self.field is None else f"{self.structure}, field {self.field!r}"
        at = "" if self.offset is None else f" at {self.offset:#x}"
        text = f"{place}{at}: {self.what}"
        return f"{self.where}: {text}" if self.where else text

    def as_dict(self) -> dict[str, object]:
        return super().as_dict() | {"structure": self.structure, "field": self.field, "offset": self.offset}


class Truncated(FormatError):
    """The bytes end inside a field."""


class BadRequest(DinrailError):
    """The request itself was wrong: an argument, an option, the configuration document."""

    exit_code = 2


class HostError(DinrailError):
    """The operating system refused, or is not what the request needs."""

    exit_code = 3


class CommandFailed(HostError):
    """A command that we ran failed. `argv` can be pasted into a shell (see `where`)."""

    def __init__(self, what: str, *, argv: tuple[str, ...], status: int | None, stderr: str, hint: str | None = None):
        super().__init__(what, where=shlex.join(argv), why=stderr.strip() or None, hint=hint)
        self.argv = argv
        self.status = status
        self.stderr = stderr
