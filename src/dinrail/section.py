"""What the sections of the configuration document share: strictness, and faults in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from dinrail.errors import BadRequest

T = TypeVar("T")


class Section(BaseModel):
    """What every table shares: unknown keys are faults, values are never converted by guessing."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True, frozen=True)


def fault(what: str, hint: str = "") -> PydanticCustomError:
    """A fault for `config.faults`, which reads `hint` from the context."""
    return PydanticCustomError("dinrail", "{what}", {"what": what, "hint": hint})


def text_with(read: Callable[[str], T], kind: str) -> BeforeValidator:
    """A validator for values written as text and read by a function that raises BadRequest."""

    def validate(value: object) -> T:
        if not isinstance(value, str):
            raise fault(f"{kind} is written as text, in quotes")
        try:
            return read(value)
        except BadRequest as bad:
            raise fault(bad.what, bad.hint or "") from bad

    return BeforeValidator(validate)


def printable(text: str) -> str:
    """The text itself, or a fault for control characters."""
    if not text.isprintable():
        raise fault("control characters do not belong here")
    return text


Text = Annotated[str, AfterValidator(printable)]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(printable)]
