"""The small parts: targets as text, hints, near names, what is in a variable, names of remote files."""

from __future__ import annotations

from itertools import islice

import pytest
from build_iec import AXIS, DINT, INT, POINT, array

from dinrail.ads.client.connection import own_net_id
from dinrail.ads.client.faults import AdsDenied, fault_of, near_names
from dinrail.ads.client.files import RemoteName
from dinrail.ads.client.target import Endpoint
from dinrail.ads.client.unfold import unfold
from dinrail.ams.address import AmsAddr, NetId
from dinrail.errors import BadRequest
from dinrail.iec.symbol import Symbol

PLC = AmsAddr.parse("5.80.201.232.1.1:851")
OURS = AmsAddr.parse("10.0.0.7.1.1:30000")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.168.0.231", "192.168.0.231", 48898),
        ("plc-1:5000", "plc-1", 5000),
        ("::1", "::1", 48898),
        ("[fe80::1]", "fe80::1", 48898),
        ("[fe80::1]:5000", "fe80::1", 5000),
    ],
)
def test_a_target_is_a_host_and_perhaps_a_port(text: str, host: str, port: int) -> None:
    """IPv6 addresses with and without brackets."""
    assert Endpoint.parse(text) == Endpoint(host, port)


@pytest.mark.parametrize("text", ["", ":1", "host:", "host:0", "host:65536", "host:one", "a:b:c", "[::1]x"])
def test_what_is_no_target_is_a_bad_request(text: str) -> None:
    """Exit code 2 with how to write it."""
    with pytest.raises(BadRequest):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (0x6, "dinrail ads state --to plc-1 --port system-service"),
        (0x7, "dinrail ads route add --remote plc-1 --own-net-id 10.0.0.7.1.1 --user Administrator"),
        (0x745, "dinrail ads route add --remote plc-1 --own-net-id 10.0.0.7.1.1 --user Administrator"),
        (0x710, "did you mean MAIN.a, MAIN.b?"),
        (0x711, "ask again"),
        (0x701, "851"),
        (0x707, "dinrail ads state"),
        (0x723, "dinrail ads policy check"),
    ],
)
def test_the_usual_codes_say_what_to_try(code: int, says: str) -> None:
    """With whole commands, our own NetId in them."""
    fault = fault_of(code, where="x", target=PLC, source=OURS, host="plc-1", near=("MAIN.a", "MAIN.b"))
    assert fault.code == code
    assert says in str(fault.hint)
    assert isinstance(fault, AdsDenied) == (code == 0x723)


def test_a_code_that_nobody_knows_is_told_by_its_number() -> None:
    """And makes no hint up."""
    fault = fault_of(0x9999, where="x", target=PLC, source=OURS, host="h")
    assert "0x9999" in fault.what
    assert fault.hint is None


def test_near_names_are_found_in_any_case_and_program() -> None:
    """First by likeness, then by what stands after the last dot."""
    names = ["MAIN.nCount", "GVL_Machine.bEmergencyStop", "MAIN.fSpeed"]
    assert near_names("main.ncuont", names) == ("MAIN.nCount",)
    assert near_names("X.bEmergencyStop", names) == ("GVL_Machine.bEmergencyStop",)
    assert near_names("completely.different", names) == ()


def test_our_net_id_comes_from_our_ip_address() -> None:
    """IPv6 has none, and is addressed as 127.0.0.1.1.1."""
    assert own_net_id("10.1.2.3") == NetId.parse("10.1.2.3.1.1")
    assert own_net_id("::ffff:10.1.2.3") == NetId.parse("10.1.2.3.1.1")
    assert own_net_id("fe80::1") == NetId.parse("127.0.0.1.1.1")


def test_a_variable_unfolds_to_all_that_is_in_it() -> None:
    """Members and elements with the addresses that they have."""
    found = {one.name: one.offset for one in unfold(Symbol("A", array(POINT, (1, 2)), 0x4040, 100))}
    assert found == {"A": 100, "A[1]": 100, "A[1].x": 100, "A[1].y": 102, "A[2]": 104, "A[2].x": 104, "A[2].y": 106}
    grid = [one.name for one in unfold(Symbol("G", array(INT, (0, 1), (5, 6)), 0, 0))]
    assert grid == ["G", "G[0,5]", "G[0,6]", "G[1,5]", "G[1,6]"]
    member = next(one for one in unfold(Symbol("S", AXIS, 0, 0, read_only=True)) if one.name == "S.fPosition")
    assert member.read_only


def test_unfolding_is_lazy() -> None:
    """An array of a hundred million elements costs what is taken of it."""
    huge = Symbol("H", array(DINT, (0, 99_999_999)), 0, 0)
    assert [one.name for one in islice(unfold(huge), 3)] == ["H", "H[0]", "H[1]"]


def test_remote_names_have_a_place() -> None:
    """`boot:x` is below the boot directory; a drive letter is none; an unknown place is exit code 2."""
    assert RemoteName.parse("boot:Plc/x") == RemoteName(4, "Plc/x")
    assert RemoteName.parse("x.txt") == RemoteName(1, "x.txt")
    assert RemoteName.parse("C:\\x") == RemoteName(1, "C:\\x")
    assert RemoteName.parse("USER1:x") == RemoteName(11, "x")
    with pytest.raises(BadRequest):
        RemoteName.parse("attic:x")
