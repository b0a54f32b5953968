"""The life of a guest, as a table."""

from __future__ import annotations

import pytest

from dinrail.errors import Refused
from dinrail.guest.lifecycle import ALIVE, ENDED, TRANSITIONS, Event, State, after, require


def test_a_good_life() -> None:
    """From a definition, through its run, back to a definition."""
    state = State.DEFINED
    for event in (Event.CLAIM, Event.CLAIMED, Event.UP, Event.STOP, Event.EXITED, Event.SETTLE):
        state = after("hmi", state, event)
    assert state is State.DEFINED


@pytest.mark.parametrize("state", sorted(ALIVE | ENDED | {State.CLAIMING}))
def test_every_state_leads_back_to_the_definition(state: State) -> None:
    """No guest can get stuck: from every state some events lead to `defined`."""
    reached = {state}
    while True:
        more = {target for (source, _), target in TRANSITIONS.items() if source in reached} | reached
        if more == reached:
            break
        reached = more
    assert State.DEFINED in reached


@pytest.mark.parametrize(("state", "event"), [(s, e) for s in State for e in Event if (s, e) not in TRANSITIONS])
def test_what_is_not_in_the_table_is_refused_by_name(state: State, event: Event) -> None:
    """The refusal names the state, the wish, and a way out."""
    with pytest.raises(Refused) as caught:
        after("hmi", state, event)
    assert state in caught.value.what
    assert event in str(caught.value.why)
    assert caught.value.hint


def test_a_death_that_was_asked_for_is_no_crash() -> None:
    """Killed while stopping is stopped; killed while running is crashed."""
    assert after("hmi", State.STOPPING, Event.DIED) is State.STOPPED
    assert after("hmi", State.RUNNING, Event.DIED) is State.CRASHED


def test_a_required_state_lets_through_or_names_both() -> None:
    """`require` is silent in an allowed state, else tells actual and required."""
    require("hmi", State.RUNNING, State.RUNNING, to="stop")
    with pytest.raises(Refused, match="the guest is defined") as caught:
        require("hmi", State.DEFINED, State.RUNNING, to="take its picture")
    assert caught.value.why == "to take its picture it has to be running"
