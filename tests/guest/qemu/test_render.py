"""QEMU's command line, as it is."""

from __future__ import annotations

from dataclasses import replace

from build_guest import FILES, QEMU, facts_of, guest
from build_host import AMD_DGPU, DGPU, DGPU_AUDIO, INTEL_IGPU, Bar, Machine

from dinrail.guest.plan import GuestFiles, GuestRom, plan_guest
from dinrail.guest.qemu.features import features, judge
from dinrail.guest.qemu.place import place
from dinrail.guest.qemu.prepare import prepare
from dinrail.guest.qemu.render import escaped, judge_render, render
from dinrail.guest.roms import ChosenRom
from dinrail.machine.facts import Hypervisor
from dinrail.units import GIB

ROM = GuestRom(f"{FILES.run}/gpu.rom", "the card's own ROM")

COMMON = """
qemu-system-x86_64
-name guest=hmi,debug-threads=on
-uuid 73e5d44a-3b8e-5c31-b8e8-1ab3e37a4e0f
-nodefaults
-no-user-config
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
"""

MONITORS = """
-chardev socket,id=supervisor,path=/run/dinrail/guests/hmi/supervisor.qmp,server=on,wait=off
-mon chardev=supervisor,mode=control
-chardev socket,id=command,path=/run/dinrail/guests/hmi/command.qmp,server=on,wait=off
-mon chardev=command,mode=control
-chardev file,id=serial0,path=/run/dinrail/guests/hmi/serial.log
-device isa-serial,chardev=serial0
"""

FLASH = """
-drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd
-drive if=pflash,unit=1,format=raw,file=/var/lib/dinrail/guests/hmi/vars.fd
"""

VFIO = "-device vfio-pci,id=host-0000-0b-00-0,host=0000:0b:00.0,bus=port0,addr=00.0,multifunction=on"


def command(toml: str, machine: Machine = AMD_DGPU, *, rom: GuestRom | None = None, files: GuestFiles = FILES) -> str:
    """The command, an option a line, without its uuid line's value."""
    plan = plan_guest(guest(toml), facts_of(machine), files=files, rom=rom)
    words = render(replace(plan, uuid="73e5d44a-3b8e-5c31-b8e8-1ab3e37a4e0f"), place(plan))
    lines: list[str] = []
    for word in words:
        if word.startswith("-") or not lines:
            lines.append(word)
        else:
            lines[-1] += " " + word
    return "\n".join(lines)


def joined(*blocks: str) -> str:
    return "\n".join(block.strip() for block in blocks)


def test_a_gpu_with_its_rom() -> None:
    """The GPU is the only display, behind a root port of its own, its audio beside it."""
    text = command('os = "linux"\ncpus = 2\nmemory = "4 GiB"\ngpu = "0b:00.0"\n', rom=ROM)
    assert text == joined(
        COMMON,
        """
-machine q35
-accel kvm
-cpu host
-smp cpus=2,sockets=1,cores=2,threads=1
-m size=4096M
-rtc base=utc
""",
        FLASH,
        MONITORS,
        """
-display none
-vga none
-device pcie-root-port,id=port0,bus=pcie.0,addr=10.0,chassis=1
""",
        VFIO + ",romfile=/run/dinrail/guests/hmi/gpu.rom",
        "-device vfio-pci,id=host-0000-0b-00-1,host=0000:0b:00.1,bus=port0,addr=00.1,rombar=0",
    )


def test_an_emulated_linux_guest_with_a_kernel() -> None:
    """TCG gets a CPU that it emulates well; kernel, initrd and command line go past the boot loader."""
    text = command(
        'os = "linux"\ncpus = 1\nmemory = "512 MiB"\nfirmware = "bios"\n'
        'boot = { kernel = "/boot/k", initrd = "/boot/i", cmdline = "console=ttyS0 a,b" }\n'
        'disks = [{ path = "/data/a,b.raw", read_only = true }]\nnetworks = [{ kind = "host-only" }]\n',
        replace(AMD_DGPU, cpu_flags="fpu"),
    )
    mac = text.split("mac=")[1].split(",")[0]
    assert text == joined(
        COMMON,
        """
-machine q35
-accel tcg,thread=single
-cpu Nehalem
-smp cpus=1,sockets=1,cores=1,threads=1
-m size=512M
-rtc base=utc
-kernel /boot/k
-initrd /boot/i
-append console=ttyS0 a,b
""",
        MONITORS,
        f"""
-display none
-vga none
-device VGA,id=display,bus=pcie.0,addr=01.0
-blockdev driver=raw,node-name=disk0-image,read-only=on,file.driver=file,file.filename=/data/a,,b.raw
-device virtio-blk-pci,id=disk0,drive=disk0-image,bootindex=0,bus=pcie.0,addr=03.0
-netdev hubport,id=net0,hubid=0
-device virtio-net-pci,id=nic0,netdev=net0,mac={mac},bus=pcie.0,addr=0b.0
""",
    )


def test_windows_gets_devices_that_it_has_drivers_for() -> None:
    """NVMe, an Intel network card, and the clock in local time."""
    text = command(
        'os = "windows"\ncpus = 1\nmemory = "4 GiB"\ndisks = [{ path = "/w.qcow2" }]\n'
        'networks = [{ kind = "host-only" }]\n'
    )
    for words in ("nvme,serial=dinrail0,", "e1000e,id=nic0", "-rtc base=localtime", "driver=qcow2"):
        assert words in text


def test_the_iommu_s_width_limits_the_cpu() -> None:
    """Only under KVM, only with a passed device."""
    machine = replace(INTEL_IGPU, physical_bits=46)
    text = command('os = "linux"\ncpus = 1\nmemory = "4 GiB"\ngpu = "00:02.0"\n', machine)
    assert "-cpu host,host-phys-bits-limit=39\n" in text


def test_a_user_s_path_cannot_smuggle_options_in() -> None:
    """QEMU reads a doubled comma as one: every path stays one value."""
    assert escaped("/a,if=none,b") == "/a,,if=none,,b"
    files = GuestFiles(run="/run/a,server=off", state="/var/lib/x,y")
    text = command('os = "linux"\ncpus = 1\nmemory = "64 MiB"\n', files=files)
    assert "path=/run/a,,server=off/command.qmp,server=on" in text
    assert "file=/var/lib/x,,y/vars.fd" in text


def test_addresses_are_stable() -> None:
    """A new disk or card moves none of the others."""
    base = 'os = "linux"\ncpus = 1\nmemory = "1 GiB"\ngpu = "0b:00.0"\nnetworks = [{ kind = "host-only" }]\n'
    before, after = command(base), command(base + 'disks = [{ path = "/a" }, { path = "/b" }]\nusb = ["0c:00.0"]\n')
    assert set(before.splitlines()) <= set(after.splitlines())
    assert "id=port1,bus=pcie.0,addr=11.0" in after


def test_a_function_alone_becomes_function_0() -> None:
    """A guest looks for further functions only behind a function 0."""
    text = command('os = "linux"\ncpus = 1\nmemory = "1 GiB"\ndisplay = "emulated"\nusb = ["0b:00.1"]\n')
    assert "host=0000:0b:00.1,bus=port0,addr=00.0,rombar=0" in text


def test_large_bars_get_a_large_window() -> None:
    """24 GiB of video memory do not fit into the firmware's usual window."""
    machine = AMD_DGPU.changed(DGPU, bars=(Bar(0, 0x4000000000, 32 * GIB, prefetchable=True, is_64bit=True),))
    toml = 'os = "linux"\ncpus = 1\nmemory = "4 GiB"\ngpu = "0b:00.0"\n'
    assert command(toml, machine).endswith("-fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=65536")
    assert "X-PciMmio64Mb" not in command(toml)


def test_the_placement_names_the_primary_display_and_the_bars() -> None:
    """The GPU where there is no emulated display; BARs largest first."""
    facts = facts_of(AMD_DGPU)
    toml = 'os = "linux"\ncpus = 1\nmemory = "4 GiB"\ngpu = "0b:00.0"\n'
    placed = place(plan_guest(guest(toml), facts, files=FILES))
    assert placed.primary == DGPU
    assert [str(bar.address) for bar in placed.bars] == [DGPU]
    assert place(plan_guest(guest(toml + 'display = "emulated"\n'), facts, files=FILES)).primary == "display"
    audio = placed.slot(DGPU_AUDIO)
    assert audio is not None
    assert (audio.port, audio.function) == ("port0", 1)


def test_more_than_there_is_room_for_blocks() -> None:
    """Nine disks do not fit, and are not silently left out."""
    disks = ", ".join(f'{{ path = "/{n}" }}' for n in range(9))
    plan = plan_guest(
        guest(f'os = "linux"\ncpus = 1\nmemory = "1 GiB"\ndisks = [{disks}]'), facts_of(AMD_DGPU), files=FILES
    )
    (finding,) = place(plan).findings
    assert (finding.rule, finding.message) == ("qemu.slots", "has 9 disks, and there is room for 8")


def test_a_socket_path_that_is_too_long_is_told_before_qemu_cuts_it() -> None:
    """A Unix socket's path has 107 bytes at most."""
    files = GuestFiles(run="/" + "x" * 100, state="/s")
    plan = plan_guest(guest('os = "linux"\ncpus = 1\nmemory = "1 GiB"\n'), facts_of(AMD_DGPU), files=files)
    assert [f.rule for f in judge_render(plan)] == ["qemu.socket-path"]


def test_what_a_qemu_lacks_is_found_by_asking_it() -> None:
    """Not installed, without q35, without vfio: three findings, each with the question that was asked."""
    assert judge(features(QEMU), passes_devices=True) == ()
    assert [f.rule for f in judge(features(None), passes_devices=True)] == ["qemu.missing"]
    bare = features(Hypervisor("9", frozenset(), frozenset({"microvm"})))
    assert [f.rule for f in judge(bare, passes_devices=True)] == ["qemu.machine", "qemu.vfio"]
    assert [f.rule for f in judge(bare, passes_devices=False)] == ["qemu.machine"]


def test_the_whole_way_collects_every_finding() -> None:
    """Plan, QEMU, ROM and passthrough rules in one list; the claim's steps beside the command."""
    definition = guest('os = "linux"\ncpus = 1\nmemory = "4 GiB"\ngpu = "0b:00.0"\n')
    found = prepare(definition, facts_of(AMD_DGPU), ChosenRom(origin="to be read", to_extract=True), files=FILES)
    assert not found.blocked
    assert any(word.endswith("romfile=/run/dinrail/guests/hmi/gpu.rom") for word in found.argv)
    assert found.claim is not None
    assert {change.target for change in found.claim.changes} >= {DGPU, DGPU_AUDIO}
    assert any(f.rule.startswith("iommu") for f in found.plan.findings)
