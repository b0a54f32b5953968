"""Whether a symbol has parts: what the policy asks before a rule against `*.safety` refuses a scalar."""

from __future__ import annotations

from collections.abc import Callable

from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.address import AmsAddr
from dinrail.ams.errors import AdsFault
from dinrail.iec.types import ElementaryType, EnumType, StringType, WStringType, resolve


def parts_by_table(table_of: Callable[[AmsAddr], SymbolTable | None]) -> Callable[[AmsAddr, str], bool]:
    """`Policy.has_parts` from the symbols of the devices that are known; what is not known may have any."""

    def has_parts(target: AmsAddr, name: str) -> bool:
        table = table_of(target)
        if table is None:
            return True
        try:
            kind = resolve(table.find(name).type)
        except AdsFault:
            return True
        return not isinstance(kind, ElementaryType | EnumType | StringType | WStringType)

    return has_parts
