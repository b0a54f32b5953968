"""Other people's clients at a real control with ten thousand symbols of every type."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from bridge_process import Running, running_plant
from foreign_clients import node, pyads
from plc_big_project import KINDS, big_project, name_of, value_of

pytestmark = pytest.mark.control
COUNT = 10_000
SUBSCRIPTIONS = 1000


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_plant(big_project(COUNT), tmp_path_factory.mktemp("big")) as made:
        yield made


def wanted() -> dict[str, object]:
    return {name_of(number): value_of(number)[1] for number in range(COUNT)}


def of_pyads(number: int, told: object) -> object:
    """What pyads says of a variable, in the form that `value_of` has."""
    kind, value = value_of(number)
    if kind == "E_Mode":
        return value if isinstance(value, dict) and value["value"] == told else told
    if kind == "ST_Point" and isinstance(told, list):
        x, y = struct.unpack("<h6xd", bytes(told))
        return {"x": x, "y": y}
    return str(told) if isinstance(value, str) else told


def check(values: dict[str, Any]) -> None:
    expected = wanted()
    wrong = {name: (values.get(name), value) for name, value in expected.items() if values.get(name) != value}
    assert not wrong, f"{len(wrong)} of {COUNT}: {dict(list(wrong.items())[:5])}"


def test_pyads_reads_every_type_writes_calls_and_hears_a_thousand(plant: Running) -> None:
    """All ten thousand values are right; a thousand subscriptions are all served, each with rising counts."""
    told = pyads("big", plant.serving, str(SUBSCRIPTIONS))
    check({name_of(number): of_pyads(number, told["values"].get(name_of(number))) for number in range(COUNT)})
    assert told["set"] == -70_000
    assert told["sum"] == [43, 0, 0, 0, 0]
    assert (told["heard"], told["rising"]) == (SUBSCRIPTIONS, True)


def test_ads_client_reads_every_type_writes_calls_and_hears_a_thousand(plant: Running) -> None:
    """The same by npm's ads-client, which builds values from the types that we upload."""
    told = node("ads_client.mjs", "big", plant.serving, "remote", str(SUBSCRIPTIONS))
    check(told["values"])
    assert told["set"] == -70_000
    assert told["added"] == {"returnValue": 43, "outputs": {"bEven": False}}
    assert (told["heard"], told["rising"]) == (SUBSCRIPTIONS, True)


def test_node_ads_reads_the_whole_numbers(plant: Running) -> None:
    """What node-ads knows by name: it gets them by handle."""
    told = node("node_ads.mjs", "big", plant.serving)
    by_name = {name.lower(): value for name, value in wanted().items()}
    assert len(told["values"]) > COUNT // len(KINDS) * 6
    wrong = {name: value for name, value in told["values"].items() if by_name[name.lower()] != value}
    assert not wrong, dict(list(wrong.items())[:5])


def test_the_control_did_not_notice(plant: Running) -> None:
    """No record of its ring was dropped, and no cycle took longer than its time, with all that was asked."""
    exceeded, dropped = plant.words("exceeded", "dropped")
    assert dropped == 0
    assert exceeded == 0
