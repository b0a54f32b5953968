"""Plan and placement in QEMU's grammar: one tuple of arguments, nothing decided here that the plan does not say."""

from __future__ import annotations

from dinrail.finding import Evidence, Finding, Severity
from dinrail.guest.definition import Disk, Display, GuestOs
from dinrail.guest.placement import Placement, Slot
from dinrail.guest.plan import GuestFiles, GuestPlan, PlannedDevice
from dinrail.guest.qemu.features import KVM_CPU, MACHINE, PROGRAM, TCG_CPU
from dinrail.units import MIB

SUPERVISOR_SOCKET = "supervisor.qmp"
COMMAND_SOCKET = "command.qmp"
SERIAL_LOG = "serial.log"

_SOCKET_PATH_LIMIT = 107
"""sun_path of struct sockaddr_un holds 108 bytes, the last a NUL."""

_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


def render(plan: GuestPlan, placement: Placement) -> tuple[str, ...]:
    """The whole command, program first. Every value that a user chose is escaped for QEMU's commas."""
    return (
        PROGRAM,
        *("-name", f"guest={plan.name},debug-threads=on"),
        *("-uuid", plan.uuid),
        *("-nodefaults", "-no-user-config"),
        *("-sandbox", _SANDBOX),
        *_machine(plan),
        *_firmware(plan),
        *_boot(plan),
        *_monitors(plan.files),
        *_picture(plan, placement),
        *_disks(plan, placement),
        *_nics(plan, placement),
        *_passed(plan, placement),
        *_windows(placement),
    )


def judge_render(plan: GuestPlan) -> tuple[Finding, ...]:
    """What QEMU's grammar or the system's could not express."""
    longest = max((f"{plan.files.run}/{name}" for name in (SUPERVISOR_SOCKET, COMMAND_SOCKET)), key=len)
    if len(longest.encode()) <= _SOCKET_PATH_LIMIT:
        return ()
    return (
        Finding(
            rule="qemu.socket-path",
            subject=plan.name,
            severity=Severity.BLOCK,
            message=f"a socket's path may have {_SOCKET_PATH_LIMIT} bytes, this one has {len(longest.encode())}",
            evidence=(Evidence("unix(7)", longest),),
            fix="a shorter run directory (DINRAIL_RUN)",
        ),
    )


def escaped(value: str) -> str:
    """A value inside a comma-separated option: QEMU reads two commas as one."""
    return value.replace(",", ",,")


def _machine(plan: GuestPlan) -> tuple[str, ...]:
    # One emulated CPU gains nothing from a thread of its own and pays for its locks: the firmware's picture came after
    # 30 s instead of 36 s in the virtual industrial PC.
    tcg = "tcg,thread=single" if plan.cpus == 1 else "tcg"
    cpu = KVM_CPU if plan.use_kvm else TCG_CPU
    if plan.use_kvm and plan.phys_bits_limit is not None:
        cpu += f",host-phys-bits-limit={plan.phys_bits_limit}"
    return (
        *("-machine", MACHINE),
        *("-accel", "kvm" if plan.use_kvm else tcg),
        *("-cpu", cpu),
        *("-smp", f"cpus={plan.cpus},sockets=1,cores={plan.cpus},threads=1"),
        *("-m", f"size={plan.memory_bytes // MIB}M"),
        # Windows keeps local time in the clock chip, everybody else UTC.
        *("-rtc", f"base={'localtime' if plan.os is GuestOs.WINDOWS else 'utc'}"),
    )


def _firmware(plan: GuestPlan) -> tuple[str, ...]:
    firmware = plan.firmware
    if firmware is None:
        return ()
    code = f"if=pflash,unit=0,format=raw,readonly=on,file={escaped(firmware.code_path)}"
    if not firmware.vars_path:
        return ("-drive", code)
    return ("-drive", code, "-drive", f"if=pflash,unit=1,format=raw,file={escaped(firmware.vars_path)}")


def _boot(plan: GuestPlan) -> tuple[str, ...]:
    if plan.boot is None:
        return ()
    words = ["-kernel", plan.boot.kernel]
    if plan.boot.initrd:
        words += ["-initrd", plan.boot.initrd]
    if plan.boot.cmdline:
        words += ["-append", plan.boot.cmdline]
    return tuple(words)


def _monitors(files: GuestFiles) -> tuple[str, ...]:
    """Two monitors, because QMP serves one client per socket; and the guest's serial port into a file."""
    words: list[str] = []
    for name, path in (("supervisor", SUPERVISOR_SOCKET), ("command", COMMAND_SOCKET)):
        socket = escaped(f"{files.run}/{path}")
        words += ["-chardev", f"socket,id={name},path={socket},server=on,wait=off"]
        words += ["-mon", f"chardev={name},mode=control"]
    words += ["-chardev", f"file,id=serial0,path={escaped(f'{files.run}/{SERIAL_LOG}')}"]
    words += ["-device", "isa-serial,chardev=serial0"]
    return tuple(words)


def _picture(plan: GuestPlan, placement: Placement) -> tuple[str, ...]:
    """No window on the host, ever. `VGA` because every firmware and every guest can draw on it."""
    words: tuple[str, ...] = ("-display", "none", "-vga", "none")
    slot = placement.slot("display")
    if plan.display is Display.EMULATED and slot is not None:
        words += ("-device", f"VGA,id=display,{_at(slot)}")
    return words


def _disks(plan: GuestPlan, placement: Placement) -> tuple[str, ...]:
    """Windows has an NVMe driver and none for virtio; `serial` lets a guest know its disk again."""
    words: list[str] = []
    for index, disk in enumerate(plan.disks):
        slot = placement.slot(f"disk{index}")
        if slot is None:
            continue  # place() has said that it does not fit
        device = f"nvme,serial=dinrail{index}" if plan.os is GuestOs.WINDOWS else "virtio-blk-pci"
        words += ["-blockdev", _blockdev(index, disk)]
        words += ["-device", f"{device},id=disk{index},drive=disk{index}-image,bootindex={index},{_at(slot)}"]
    return tuple(words)


def _blockdev(index: int, disk: Disk) -> str:
    read_only = "on" if disk.read_only else "off"
    file = f"file.driver=file,file.filename={escaped(disk.path)}"
    return f"driver={disk.format},node-name=disk{index}-image,read-only={read_only},{file}"


def _nics(plan: GuestPlan, placement: Placement) -> tuple[str, ...]:
    """Cards on a hub of their own: plugged in, with nobody on the other end, until host-only networks are built."""
    words: list[str] = []
    model = "e1000e" if plan.os is GuestOs.WINDOWS else "virtio-net-pci"
    for index, nic in enumerate(plan.nics):
        slot = placement.slot(f"nic{index}")
        if slot is None:
            continue  # place() has said that it does not fit
        words += ["-netdev", f"hubport,id=net{index},hubid={index}"]
        words += ["-device", f"{model},id=nic{index},netdev=net{index},mac={nic.mac},{_at(slot)}"]
    return tuple(words)


def _passed(plan: GuestPlan, placement: Placement) -> tuple[str, ...]:
    words: list[str] = []
    ports: set[str] = set()
    for device in plan.devices:
        slot = placement.slot(str(device.address))
        if slot is None:
            continue  # place() has said that it does not fit
        if slot.port not in ports:
            ports.add(slot.port)
            number = int(slot.port.removeprefix("port")) + 1  # chassis 0 is the machine itself
            words += [
                "-device",
                f"pcie-root-port,id={slot.port},bus=pcie.0,addr={slot.port_device:02x}.0,chassis={number}",
            ]
        words += ["-device", _vfio(device, slot)]
    return tuple(words)


def _vfio(device: PlannedDevice, slot: Slot) -> str:
    """Without a ROM file the guest sees none at all.

    Left to itself, QEMU would read the device's own ROM when the guest asks for it, at a time when reading it may fail
    or hang, and unchecked.
    """
    rom = f"romfile={escaped(device.rom_path)}" if device.rom_path else "rombar=0"
    more = ",multifunction=on" if slot.multifunction else ""
    name = f"host-{device.address}".replace(":", "-").replace(".", "-")
    return f"vfio-pci,id={name},host={device.address},{_at(slot)}{more},{rom}"


def _windows(placement: Placement) -> tuple[str, ...]:
    words: list[str] = []
    for region in placement.regions:
        if region.name == "mmio64":
            words += ["-fw_cfg", f"name=opt/ovmf/X-PciMmio64Mb,string={region.size_bytes // MIB}"]
    return tuple(words)


def _at(slot: Slot) -> str:
    return f"bus={slot.port or 'pcie.0'},addr={slot.device:02x}.{slot.function}"
