"""From a host's bytes to its facts."""

from __future__ import annotations

import contextlib
import gzip
import json
from dataclasses import replace

import pytest
from build_host import (
    ALL_TOPICS,
    AMD_DGPU,
    BEHIND_A_BRIDGE,
    DGPU,
    DGPU_AUDIO,
    IGPU,
    INTEL_IGPU,
    IOMMU_OFF,
    MACHINES,
    NO_IOMMU,
    RELEASE,
    RESERVED,
    Framebuffer,
    Machine,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dinrail.errors import FormatError
from dinrail.machine.facts import BarKind, HostFacts, IommuState, PciFunction
from dinrail.machine.linux.kernel import option, words
from dinrail.machine.read import read_facts
from dinrail.machine.sources import LINUX, Entry, Raw, Source, SourceKind, Topic, for_release
from dinrail.pci.address import PciAddress


def at(address: str) -> PciAddress:
    return PciAddress.parse(address)


def function(machine: Machine, address: str) -> PciFunction:
    found = machine.facts().function(at(address))
    assert found is not None
    return found


def with_entry(raw: Raw, path: str, entry: Entry) -> Raw:
    return replace(raw, entries={**raw.entries, path: entry})


def test_a_function_is_read_whole() -> None:
    """Ids, driver, group, place, reset methods, BARs and ROM of one function come back as described."""
    gpu = function(AMD_DGPU, DGPU)
    assert (gpu.ids.pair, gpu.ids.subsystem_pair, gpu.ids.class_code) == ("1002:67df", "1043:8694", 0x030000)
    assert (gpu.driver, gpu.driver_override, gpu.group, gpu.parent) == ("amdgpu", None, 16, at("0000:00:03.1"))
    assert (gpu.reset_methods, gpu.boot_vga, gpu.has_rom, gpu.enabled) == (("bus",), False, True, True)
    bar = gpu.bars[0]
    assert (bar.kind, bar.hpa, bar.size_bytes, bar.prefetchable, bar.is_64bit) == (
        BarKind.MEMORY,
        0xD0000000,
        256 << 20,
        True,
        True,
    )
    assert gpu.rom_size_bytes == 128 * 1024


def test_functions_are_sorted_as_lspci_sorts() -> None:
    """By domain, bus, device, function, whatever order the archive has."""
    functions = AMD_DGPU.facts().functions
    assert [f.address for f in functions] == sorted(f.address for f in functions)


def test_the_override_that_is_not_set_reads_as_none() -> None:
    """The kernel prints (null) where driver_override is a null pointer."""
    assert function(INTEL_IGPU, IGPU).driver_override is None
    assert function(INTEL_IGPU.changed(IGPU, driver_override="vfio-pci"), IGPU).driver_override == "vfio-pci"


def test_ids_come_from_the_configuration_space_when_uevent_is_missing() -> None:
    """An archive without uevent still knows what each device is."""
    raw = INTEL_IGPU.raw()
    entries = {path: entry for path, entry in raw.entries.items() if not path.endswith("/uevent")}
    gpu = read_facts(replace(raw, entries=entries)).function(at(IGPU))
    assert gpu is not None
    assert (gpu.ids.pair, gpu.ids.class_code, gpu.ids.subsystem_pair) == ("8086:3e92", 0x030000, "1043:8694")


def test_a_function_of_which_nothing_is_readable_is_still_listed() -> None:
    """A name in the device directory is a function; unknown ids are ffff:ffff."""
    path = f"/sys/bus/pci/devices/{IGPU}"
    raw = Raw("linux", {path: Entry(SourceKind.LINK, fault="EACCES")}, frozenset({Topic.PCI}))
    (found,) = read_facts(raw).functions
    assert (found.ids.pair, found.driver, found.bars) == ("ffff:ffff", None, ())


def test_a_silent_function_is_known_by_its_ones() -> None:
    """A configuration space of ones means that the function does not answer; its ids stay known."""
    gpu = function(INTEL_IGPU.changed(IGPU, silent=True), IGPU)
    assert not gpu.answers
    assert gpu.ids.pair == "8086:3e92"


def test_groups_have_members_type_and_reserved_regions() -> None:
    """What the group's own directory says."""
    facts = RESERVED.facts()
    group = next(g for g in facts.groups if g.number == 4)
    assert group.members == (at("0000:00:1f.6"),)
    assert group.kind == "DMA-FQ"
    assert group.reserved[0].endswith("direct")


def test_groups_are_known_from_links_alone() -> None:
    """Without Topic.IOMMU the functions' own links still tell who shares a group."""
    facts = read_facts(AMD_DGPU.raw({Topic.PCI}))
    assert facts.iommu is None
    assert next(g for g in facts.groups if g.number == 16).members == (at(DGPU), at(DGPU_AUDIO))


@pytest.mark.parametrize(
    ("machine", "kind", "state"),
    [
        (INTEL_IGPU, "intel", IommuState.ON),
        (AMD_DGPU, "amd", IommuState.ON),
        (NO_IOMMU, "", IommuState.NO_TABLE),
        (IOMMU_OFF, "intel", IommuState.DISABLED),
        (replace(IOMMU_OFF, iommu_units=("dmar0",)), "intel", IommuState.NO_GROUPS),
    ],
)
def test_the_iommu_is_in_one_of_four_situations(machine: Machine, kind: str, state: IommuState) -> None:
    """On, no table, disabled and no groups are told apart, because each has another fix."""
    iommu = machine.facts().iommu
    assert iommu is not None
    assert (iommu.kind, iommu.state) == (kind, state)


def test_unreadable_tables_are_no_statement() -> None:
    """Where the list of tables cannot be read, the state is unknown, not `no table`."""
    raw = with_entry(NO_IOMMU.raw(), "/sys/firmware/acpi/tables", Entry(SourceKind.NAMES, fault="EACCES"))
    iommu = read_facts(raw).iommu
    assert iommu is not None
    assert iommu.state is IommuState.UNKNOWN


def test_a_malformed_table_is_evidence_too() -> None:
    """A DMAR that cannot be parsed does not stop the reader; the evidence names structure and field."""
    raw = with_entry(INTEL_IGPU.raw(), "/sys/firmware/acpi/tables/DMAR", Entry(SourceKind.FILE, b"DMAR"))
    iommu = read_facts(raw).iommu
    assert iommu is not None
    assert any("malformed" in evidence.text for evidence in iommu.evidence)


def test_interrupt_remapping_is_read_from_what_is_in_force() -> None:
    """The IR- chips in /proc/interrupts decide, not what the table announces."""
    on, off = INTEL_IGPU.facts().iommu, replace(INTEL_IGPU, interrupt_remapping=False).facts().iommu
    assert on is not None
    assert off is not None
    assert (on.interrupt_remapping, off.interrupt_remapping) == (True, False)


def test_the_iommus_width_is_the_narrowest_units() -> None:
    """MGAW, plus one."""
    iommu = INTEL_IGPU.facts().iommu
    assert iommu is not None
    assert iommu.address_bits == 39


def test_unsafe_interrupts_are_known_before_the_module_is_loaded() -> None:
    """The parameter on the kernel's command line counts where the module's own file is missing."""
    machine = replace(INTEL_IGPU, cmdline="ro vfio_iommu_type1.allow_unsafe_interrupts=1")
    iommu = machine.facts().iommu
    assert iommu is not None
    assert iommu.unsafe_interrupts_allowed


def test_the_running_kernels_options_are_read_and_no_others() -> None:
    """`is not set` reads as n, and another kernel's config is not looked at."""
    raw = replace(INTEL_IGPU, kconfig=("# CONFIG_INTEL_IOMMU is not set", "CONFIG_VFIO_PCI=m")).raw()
    raw = with_entry(raw, "/boot/config-5.10", Entry(SourceKind.FILE, b"CONFIG_INTEL_IOMMU=y\n"))
    kernel = read_facts(raw).kernel
    assert kernel is not None
    assert kernel.config["CONFIG_INTEL_IOMMU"] == "n"
    assert kernel.config_path == f"/boot/config-{RELEASE}"


def test_a_packed_kernel_config_never_unpacks_beyond_its_limit() -> None:
    """/proc/config.gz is used where /boot has none; a bomb ends at one megabyte, garbage is no config."""
    raw = INTEL_IGPU.raw()
    bare = replace(raw, entries={p: e for p, e in raw.entries.items() if not p.startswith("/boot")})
    good = with_entry(bare, "/proc/config.gz", Entry(SourceKind.FILE, gzip.compress(b"CONFIG_VFIO_PCI=m\n")))
    bomb = with_entry(bare, "/proc/config.gz", Entry(SourceKind.FILE, gzip.compress(bytes(64 << 20))))
    broken = with_entry(bare, "/proc/config.gz", Entry(SourceKind.FILE, b"\x1f\x8b no"))
    kernels = [read_facts(candidate).kernel for candidate in (good, bomb, broken)]
    assert [kernel.config for kernel in kernels if kernel] == [{"CONFIG_VFIO_PCI": "m"}, {}, {}]


def test_lockdown_is_the_word_in_brackets() -> None:
    """`none [integrity] confidentiality` means integrity."""
    kernel = replace(INTEL_IGPU, lockdown="none [integrity] confidentiality").facts().kernel
    assert kernel is not None
    assert kernel.lockdown == "integrity"


def test_command_line_words_keep_quoted_blanks() -> None:
    """A quoted value with a blank is one word, and an option's values are all of its lists in order."""
    line = words('ro dyndbg="file x +p" intel_iommu=on,sm_on intel_iommu=off')
    assert line == ("ro", "dyndbg=file x +p", "intel_iommu=on,sm_on", "intel_iommu=off")
    assert option(line, "intel_iommu") == ("on", "sm_on", "off")


@pytest.mark.parametrize(
    ("flags", "ran", "usable"),
    [("fpu vmx", True, True), ("fpu svm", True, True), ("fpu", True, False), ("fpu vmx", False, False)],
)
def test_kvm_needs_the_flag_and_a_cpu_that_ran(flags: str, *, ran: bool, usable: bool) -> None:
    """Either alone proves nothing, and both stand in the evidence."""
    cpus = replace(INTEL_IGPU, cpu_flags=flags, kvm_ran=ran).facts().cpus
    assert cpus is not None
    assert cpus.kvm.usable is usable
    assert len(cpus.kvm.evidence) == 3


def test_a_drivers_framebuffer_is_on_its_gpu() -> None:
    """The framebuffer's device link names the GPU, and the lowest framebuffer has the text console."""
    consoles = AMD_DGPU.facts().consoles
    assert consoles is not None
    shown = {str(display.address): (display.owners, display.is_text_console) for display in consoles.displays}
    assert shown == {"0000:0c:00.0": (("nouveaudrmfb",), True), DGPU: (("amdgpudrmfb",), False)}


def test_the_boot_vgas_framebuffer_may_have_the_text_console_too() -> None:
    """fbcon prefers the primary device where the kernel is built so: fb0 need not be the console."""
    swapped = replace(AMD_DGPU, framebuffers=AMD_DGPU.framebuffers[::-1])
    consoles = swapped.facts().consoles
    assert consoles is not None
    assert [display.is_text_console for display in consoles.displays] == [True, True]


def test_a_firmware_framebuffer_is_found_by_its_address() -> None:
    """BOOTFB inside a BAR names the GPU, though the framebuffer itself belongs to no PCI device."""
    machine = replace(BEHIND_A_BRIDGE, framebuffers=(Framebuffer("simple"),), iomem=((0xFD000000, 3 << 20, "BOOTFB"),))
    consoles = machine.facts().consoles
    assert consoles is not None
    (display,) = consoles.displays
    assert (display.owners, display.is_text_console) == (("BOOTFB", "simple"), True)


def test_a_firmware_framebuffer_without_an_address_is_the_boot_vgas() -> None:
    """An ordinary user sees no addresses in /proc/iomem: then boot_vga decides."""
    machine = replace(INTEL_IGPU, framebuffers=(Framebuffer("EFI VGA"),), drm={}, connected=())
    raw = with_entry(machine.raw(), "/proc/iomem", Entry(SourceKind.FILE, b"00000000-00000000 : BOOTFB\n"))
    consoles = read_facts(raw).consoles
    assert consoles is not None
    assert [str(display.address) for display in consoles.displays] == [IGPU]
    assert consoles.displays[0].is_text_console


def test_vga_text_mode_is_a_console_too() -> None:
    """Without any framebuffer, a bound VGA back end puts the text console on the boot VGA device."""
    machine = replace(INTEL_IGPU, framebuffers=(), drm={}, connected=(), vtconsoles=(("(S) VGA+", True),))
    consoles = machine.facts().consoles
    assert consoles is not None
    assert consoles.displays[0].is_text_console


@pytest.mark.parametrize(
    ("line", "serial"),
    [
        ("ttyS0                -W- (EC p a)    4:64", ("ttyS0",)),
        ("hvc0                 -W- (EC p  )  229:0", ("hvc0",)),
        ("ttyS0                -W- (   p a)    4:64", ()),
        ("netcon0              -W- (E  p  )", ()),
        ("tty0                 -WU (EC p  )    4:1", ()),
    ],
)
def test_only_an_enabled_serial_line_is_another_way_to_see_the_host(line: str, serial: tuple[str, ...]) -> None:
    """Disabled consoles, network consoles and the picture itself do not count."""
    consoles = replace(INTEL_IGPU, consoles=(line,)).facts().consoles
    assert consoles is not None
    assert consoles.serial == serial


def test_firmware_descriptors_are_ordered_overridden_and_broken_ones_left_out() -> None:
    """File names order them, /etc goes before /usr/share, and a broken one costs only itself."""

    def descriptor(code: str) -> Entry:
        image = {"filename": code, "format": "raw"}
        document = {
            "description": code,
            "interface-types": ["uefi"],
            "mapping": {"device": "flash", "executable": image, "nvram-template": {"filename": "V", "format": "raw"}},
            "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
            "features": ["secure-boot"],
        }
        return Entry(SourceKind.FILE, json.dumps(document).encode())

    entries = {
        "/usr/share/qemu/firmware/60-b.json": descriptor("B"),
        "/usr/share/qemu/firmware/50-a.json": descriptor("A"),
        "/etc/qemu/firmware/60-b.json": descriptor("B of etc"),
        "/usr/share/qemu/firmware/10-broken.json": Entry(SourceKind.FILE, b'{"mapping": [1, '),
        "/usr/share/qemu/firmware/20-odd.json": Entry(SourceKind.FILE, b'{"mapping": "x", "targets": {"a": 1}}'),
    }
    firmware = read_facts(Raw("linux", entries, frozenset({Topic.FIRMWARE}))).firmware
    assert firmware is not None
    assert [(image.code_path, image.vars_template_path) for image in firmware] == [("A", "V"), ("B of etc", "V")]
    assert firmware[0].machines == ("pc-q35-*",)


def test_qemu_is_asked_for_its_properties() -> None:
    """Version, vfio-pci's properties and the machines come from QEMU's own words."""
    entries = {
        "command:qemu-version": Entry(SourceKind.COMMAND, b"QEMU emulator version 10.0.2 (Debian)\nCopyright\n"),
        "command:qemu-vfio-pci": Entry(
            SourceKind.COMMAND, b"vfio-pci options:\n  x-igd-legacy-mode=<OnOffAuto> - on/off\n  romfile=<str>\n"
        ),
        "command:qemu-machines": Entry(SourceKind.COMMAND, b"Supported machines are:\npc   Standard PC\nq35  PC\n"),
    }
    found = read_facts(Raw("linux", entries, frozenset({Topic.HYPERVISOR}))).hypervisor
    assert found is not None
    assert found.version == "10.0.2"
    assert found.vfio_properties == {"x-igd-legacy-mode", "romfile"}
    assert found.machines == {"pc", "q35"}


def test_what_was_not_asked_for_is_none() -> None:
    """A part that was not fetched is None, never an empty guess."""
    facts = read_facts(INTEL_IGPU.raw({Topic.PCI}))
    assert (facts.iommu, facts.kernel, facts.cpus, facts.consoles, facts.firmware, facts.hypervisor) == (None,) * 6


def test_a_host_of_another_system_is_refused() -> None:
    """Facts of an unknown system are a FormatError that names it."""
    with pytest.raises(FormatError, match="'freebsd'"):
        read_facts(Raw("freebsd", {}, ALL_TOPICS))


def test_sources_name_the_running_kernel_only() -> None:
    """{release} is filled in, all else stays."""
    filled = for_release((Source(Topic.KERNEL, SourceKind.FILE, "/boot/config-{release}"), *LINUX[:1]), "6.1")
    assert [source.pattern for source in filled] == ["/boot/config-6.1", LINUX[0].pattern]


# --- archives come from strangers

PATHS = sorted({path for machine in MACHINES.values() for path in machine.raw().entries})
RAWS = {name: machine.raw() for name, machine in MACHINES.items()}
hostile = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def facts_or_declared_error(raw: Raw) -> None:
    with contextlib.suppress(FormatError):
        assert isinstance(read_facts(raw), HostFacts)


@hostile
@given(name=st.sampled_from(sorted(RAWS)), path=st.sampled_from(PATHS), data=st.binary(max_size=300))
def test_garbage_in_any_source_gives_facts_or_the_declared_error(name: str, path: str, data: bytes) -> None:
    """Whatever stands in one file, the rest of the host is still read."""
    facts_or_declared_error(with_entry(RAWS[name], path, Entry(SourceKind.FILE, data)))


@hostile
@given(name=st.sampled_from(sorted(RAWS)), path=st.sampled_from(PATHS), text=st.text(max_size=200))
def test_any_text_in_any_source_gives_facts_or_the_declared_error(name: str, path: str, text: str) -> None:
    """Digits of other scripts, controls and lone surrogates are no way in."""
    facts_or_declared_error(with_entry(RAWS[name], path, Entry(SourceKind.FILE, text.encode("utf-8", "replace"))))


@hostile
@given(path=st.sampled_from(sorted(RAWS["intel-igpu"].entries)), data=st.data())
def test_truncation_and_single_bits_give_facts_or_the_declared_error(path: str, data: st.DataObject) -> None:
    """Every prefix, and every flipped bit, of every source."""
    entry = RAWS["intel-igpu"].entries[path]
    end = data.draw(st.integers(0, len(entry.data)))
    facts_or_declared_error(with_entry(RAWS["intel-igpu"], path, replace(entry, data=entry.data[:end])))
    if entry.data:
        altered = bytearray(entry.data)
        altered[data.draw(st.integers(0, len(altered) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        facts_or_declared_error(with_entry(RAWS["intel-igpu"], path, replace(entry, data=bytes(altered))))


@hostile
@given(path=st.sampled_from(PATHS), fault=st.sampled_from(["EACCES", "EIO", "ENODEV", "ETIMEDOUT"]))
def test_any_unreadable_source_gives_facts(path: str, fault: str) -> None:
    """A source that could not be read is a fact as well."""
    facts_or_declared_error(with_entry(RAWS["intel-igpu"], path, Entry(SourceKind.FILE, fault=fault)))


@hostile
@given(names=st.lists(st.text(max_size=20).map(lambda t: t.replace("\0", "")), max_size=5))
def test_any_names_give_facts(names: list[str]) -> None:
    """Entries whose paths are invented do no harm."""
    folders = ("/sys/bus/pci/devices", "/sys/kernel/iommu_groups", "/sys/class/drm", "/etc/qemu/firmware")
    entries = {f"{folder}/{name}/device": Entry(SourceKind.LINK, b"../x") for folder in folders for name in names}
    facts_or_declared_error(Raw("linux", {**RAWS["intel-igpu"].entries, **entries}, ALL_TOPICS))
