"""Names of index groups."""

from __future__ import annotations

from dinrail.ams.group import SUM_GROUPS, IndexGroup, group_name


def test_groups_have_names() -> None:
    """A known group is one word with hyphens, families are counted, an unknown one is its number."""
    assert group_name(0xF003) == "handle-by-name"
    assert group_name(0x4020) == "plc-memory"
    assert (group_name(0xF02A), group_name(0xF03F)) == ("inputs-bit-2", "outputs-bit-7")
    assert group_name(0xF2FF) == "task-data-255"
    assert group_name(0x1234) == "0x1234"


def test_sum_commands_are_seven() -> None:
    """F080 to F086."""
    assert [IndexGroup(group).name for group in SUM_GROUPS][::6] == ["SUM_READ", "SUM_DELETE_NOTIFICATION"]
    assert len(SUM_GROUPS) == 7
