"""What an image and a channel's layout make of an application: its symbols, and its memory by index groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dinrail.ads.device.memory import Memory
from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.group import IndexGroup
from dinrail.bridge import system_info
from dinrail.bridge.facts import Told
from dinrail.bridge.forcing import GROUP_OF_SPACE
from dinrail.bridge.snapshots import Segment, Snapshots, SpaceArea, Submit
from dinrail.control.channel.layout import ChannelHeader, Space
from dinrail.control.channel.reader import Layout
from dinrail.control.image import Image, load_image
from dinrail.errors import FormatError
from dinrail.iec.record import symbols_of


@dataclass(frozen=True, slots=True)
class Application:
    """An image as clients see it. Made once for each layout, off the loop: a large one takes a while."""

    image: Image
    table: SymbolTable
    uploads: Exporter


def load_application(layout: Layout, task_count: int) -> Application:
    """The application that runs with this layout. Raises HostError, FormatError: no such image, or another one."""
    path = Path(layout.image_path)
    image = load_image(path)
    if image.layout_hash != layout.layout_hash:
        raise FormatError(
            "it is not what the control runs",
            structure="Image",
            field="layout_hash",
            where=str(path),
            hint="dinrail control status names the image; it must stay where it is",
        )
    symbols = symbols_of(image.symbols)
    names = {symbol.name.lower() for symbol in symbols}
    own = [symbol for symbol in system_info.symbols(task_count) if symbol.name.lower() not in names]
    try:
        table = SymbolTable((*symbols, *own))
    except ValueError as fault:
        raise FormatError(str(fault), structure="Image", field="symbols", where=str(path)) from fault
    uploads = Exporter(table)
    uploads.info()  # makes both uploads: here, and not when the first client asks
    return Application(image, table, uploads)


def segments_of(layout: Layout) -> tuple[Segment, ...]:
    """The channel's segments."""
    return tuple(
        Segment(one.task, Space(one.space), one.offset, one.size_bytes, one.position) for one in layout.segments
    )


class PlcMemory(Memory):
    """An application's memory. Pointers hold addresses of the control's own memory, which the header tells."""

    def __init__(self, header: ChannelHeader) -> None:
        super().__init__()
        self._spaces: tuple[tuple[int, int, Space], ...] = (
            (header.data_address, header.data_bytes, Space.DATA),
            (header.input_address, header.input_bytes, Space.INPUT),
            (header.output_address, header.output_bytes, Space.OUTPUT),
            (header.marker_address, header.marker_bytes, Space.MARKER),
        )

    def locate(self, address: int) -> tuple[int, int]:
        """See Memory. Raises AdsFault 0x703 for null, and for what is nowhere in the application's memory."""
        for start, size_bytes, space in self._spaces:
            if start and start <= address < start + size_bytes:
                return GROUP_OF_SPACE[space], address - start
        raise AdsFault(AdsError.INVALID_OFFSET, "the pointer leads out of the application's memory")


def memory_of(layout: Layout, task_count: int, told: Told, snapshots: Snapshots, submit: Submit) -> PlcMemory:
    """All areas of an application."""
    header, segments = layout.header, segments_of(layout)
    memory = PlcMemory(header)

    def area(space: Space, size_bytes: int) -> SpaceArea:
        return SpaceArea(space, segments, size_bytes, snapshots, submit)

    memory.add_images(inputs=area(Space.INPUT, header.input_bytes), outputs=area(Space.OUTPUT, header.output_bytes))
    memory.add(IndexGroup.PLC_MEMORY, area(Space.MARKER, header.marker_bytes))
    memory.add(IndexGroup.PLC_DATA, area(Space.DATA, header.data_bytes))
    memory.add(system_info.GROUP, system_info.SystemInfoArea(told, task_count))
    return memory
