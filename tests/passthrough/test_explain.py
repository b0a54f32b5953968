"""Messages that people paste."""

from __future__ import annotations

import pytest

from dinrail.passthrough.explain import MESSAGES, explain
from dinrail.passthrough.rules import DEVICE_RULES, HOST_RULES


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("qemu-system-x86_64: -device vfio-pci,host=01:00.0: vfio 0000:01:00.0: group 1 is not viable", "group.shared"),
        ("vfio 0000:01:00.0: no iommu_group found: No such file or directory", "group.none"),
        (
            'No interrupt remapping support.  Use the module param "allow_unsafe_interrupts" to enable VFIO IOMMU',
            "iommu.interrupt-remapping",
        ),
        ("vfio-pci 0000:01:00.0: BAR 0: can't reserve [mem 0xd0000000-0xdfffffff 64bit pref]", "console.firmware"),
        ("vfio_container_dma_map(0x5586, 0x380000000000, 0x4000, 0x7f) = -22 (Invalid argument)", "iommu.narrow"),
        (
            "Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  Contact your vendor.",
            "group.reserved",
        ),
    ],
)
def test_a_pasted_line_leads_to_its_rule(line: str, rule: str) -> None:
    """The constant part of the message identifies it, in whatever log line it stands."""
    assert rule in [found.known.rule for found in explain(f"[   12.3] {line}")]


def test_blanks_quotes_and_case_do_not_matter() -> None:
    """As logs come out of web forms."""
    assert explain("GROUP 12   is not\tviable")


def test_a_whole_log_gives_each_message_once() -> None:
    """A thousand repetitions are one explanation, quoted with its first line."""
    found = explain("boring\n" + "DMAR: [DMA Read] Request device [01:00.0]\n" * 1000)
    assert [item.line for item in found] == ["DMAR: [DMA Read] Request device [01:00.0]"]


def test_an_unknown_text_gives_nothing() -> None:
    """No guess is made."""
    assert explain("all is well") == ()


def test_every_message_has_a_cause_a_fix_and_a_rule_that_exists() -> None:
    """Rules that a message points at are rows of the table."""
    ids = {rule.id for rule in (*HOST_RULES, *DEVICE_RULES)} | {""}
    assert [known.fragments for known in MESSAGES if known.rule not in ids or not (known.cause and known.fix)] == []
