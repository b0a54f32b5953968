"""An online change under other people's clients: they go on, old handles say why they do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_process import Running, running_plant
from foreign_clients import node_argv, pyads_argv, running
from plc_big_project import big_project

pytestmark = pytest.mark.control
COUNT = 10_000
ADDED = "    nAdded : INT := 77;\n"


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Running]:
    with running_plant(big_project(COUNT), tmp_path) as made:
        yield made


def test_clients_survive_an_online_change(plant: Running) -> None:
    """Ten thousand symbols, a new one in front of the others: values stay, handles are 0x711, the version moves and is
    told, subscriptions by address go on, and the new variable is there."""
    cycles = plant.cycles()
    argvs = [pyads_argv("change", plant.serving), node_argv("ads_client.mjs", "change", plant.serving, "remote")]
    with running(*argvs) as clients:
        for client in clients:
            client.ready()
        plant.online_change(big_project(COUNT, more=ADDED))
        for client in clients:
            client.go_on()
        of_pyads, of_ads_client = (client.result() for client in clients)
    assert of_pyads == {"old": 0x711, "again": 4711, "added": 77, "moved": True, "versions": 2}
    assert (of_ads_client["old"], of_ads_client["again"], of_ads_client["added"]) == (0x711, 4711, 77)
    assert of_ads_client["versions"] >= 1
    assert of_ads_client["counts"] >= 5
    assert plant.cycles() > cycles
    assert plant.words("exceeded", "dropped") == [0, 0]
