"""An application's variables by name, out of what its tasks published: for `plc run` and `plc test`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.errors import AdsFault
from dinrail.ams.group import IndexGroup
from dinrail.control.channel.layout import Space
from dinrail.errors import BadRequest
from dinrail.iec.record import symbols_of
from dinrail.iec.types import Elementary, ElementaryType
from dinrail.iec.value import decode

if TYPE_CHECKING:
    from dinrail.ads.symbols.place import Place
    from dinrail.control.channel.reader import Channel
    from dinrail.control.image import Image
    from dinrail.iec.types import IecType
    from dinrail.iec.value import Value

_SPACES = {
    IndexGroup.PLC_DATA: Space.DATA,
    IndexGroup.INPUTS: Space.INPUT,
    IndexGroup.OUTPUTS: Space.OUTPUT,
    IndexGroup.PLC_MEMORY: Space.MARKER,
}
_BOOL = ElementaryType(Elementary.BOOL)


class Variables:
    """The symbols of an image, and their values in a channel."""

    def __init__(self, image: Image) -> None:
        self.table = SymbolTable(symbols_of(image.symbols))

    def place(self, path: str) -> Place:
        """Where a variable is. Raises BadRequest, with names that are there."""
        try:
            found = self.table.find(path)
        except AdsFault as fault:
            first = path.split(".", maxsplit=1)[0].lower()
            near = [one.name for one in self.table.symbols if one.name.lower().startswith(first)][:8]
            hint = f"there are {', '.join(near)}" if near else "`dinrail ads symbols` lists a running program's"
            raise BadRequest(f"there is no variable {path!r}", hint=hint) from fault
        if found.steps:
            raise BadRequest("what a pointer points to is not shown here", where=path)
        return found

    def read(self, channel: Channel, place: Place) -> Value:
        """Its value as it was published last. Raises BadRequest when no task publishes it."""
        space = _SPACES.get(IndexGroup(place.group))
        for segment in channel.layout().segments:
            begin = place.offset - segment.offset
            if segment.space == space and begin >= 0 and begin + place.size_bytes <= segment.size_bytes:
                snapshot = channel.snapshot(segment.task)
                if snapshot is None:
                    break
                at = segment.position + begin
                data = snapshot.data[at : at + place.size_bytes]
                return bool(data[0] >> place.bit & 1) if place.bit is not None else decode(place.type, data)
        raise BadRequest("no task has published it yet", where=place.path)


def type_of(place: Place) -> IecType:
    """Of the value that `Variables.read` gives."""
    return _BOOL if place.bit is not None else place.type
