"""`dinrail ads policy` and `dinrail ads user`, on a document of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from dinrail.cli import ads_policy
from dinrail.cli.session import Session
from dinrail.errors import BadRequest, DinrailError, HostError

PIN = "ab" * 32
DOCUMENT = f"""
[ads]
net_id = "5.1.2.3.1.1"
local_networks = ["172.17.0.0/16"]
[[ads.route]]
name = "press"
net_id = "5.9.9.9.1.1"
address = "192.168.0.5"
read_only = true
[[ads.route]]
name = "desk"
net_id = "5.8.8.8.1.1"
address = "192.168.0.6"
pin = "{PIN}"
grants = "gateway"
[[ads.rule]]
name = "no [safety]"
deny = true
symbols = ["*.safety"]
[[ads.rule]]
name = "office"
from = {{ networks = ["192.168.5.0/24"] }}
allow = ["read"]
groups = ["0x4020-0x4021"]
[[ads.mqtt]]
name = "broker"
address = "mqtt.example"
grants = "state"
[ads.credentials]
file = "users"
[guest.hmi]
os = "linux"
cpus = 1
memory = "64 MiB"
ads = {{ read = ["MAIN.*"], write = ["GVL_HMI.*"] }}
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "dinrail.toml"
    path.write_text(DOCUMENT)
    return path


def run(document: Path, *words: str, as_json: bool = False, stdin: str | None = None) -> Result:
    app = typer.Typer()
    ads_policy.register(app)
    argv = [*words[:2], "--config", str(document), *words[2:]]
    result = CliRunner().invoke(app, argv, obj=Session(None, as_json), input=stdin)
    if isinstance(result.exception, DinrailError):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("words", "allowed", "rule"),
    [
        ("--from 127.0.0.1 --action admin --port 10000", True, "default: this machine"),
        ("--from 172.17.3.4 --action control", True, "default: this machine"),
        ("--from ::1 --action write --target 5.9.9.9.1.1", False, "route press: read-only"),
        ("--from 172.17.3.4 --action write", False, "no [safety]"),
        ("--from inside --action write --target 5.9.9.9.1.1", True, "default: this machine"),
        ("--from loopback --command write --group 0x4020 --target 5.9.9.9.1.1", False, "route press: read-only"),
        ("--from 10.0.0.1", False, "no [safety]"),
        ("--from 10.0.0.1 --action state", False, "default: nothing without a rule"),
        ("--from 192.168.5.7 --group 0x4020 --symbol MAIN.x --scalar", True, "office"),
        ("--from 192.168.5.7 --group 0x4020 --symbol MAIN.x", False, "no [safety]"),
        ("--from 192.168.5.7 --group 0x4030 --symbol MAIN.x --scalar", False, "default: nothing without a rule"),
        ("--from guest:hmi --symbol MAIN.axis.pos --scalar", True, "guest hmi: read"),
        ("--from guest:hmi --symbol main.AXIS.safety --scalar", False, "no [safety]"),
        ("--from guest:hmi --symbol MAIN.x --scalar --action write", False, "default: nothing without a rule"),
        ("--from guest:hmi --symbol GVL_HMI.a[1] --scalar --command write --group 0xF005", True, "guest hmi: write"),
        ("--from guest:hmi --command read-write --group 0xF009", True, "default: state and names of what may be used"),
        ("--from guest:hmi --command read --port system-service --group 240", True,
         "default: state and names of what may be used"),
        ("--from guest:hmi --command read-write --port 10000 --group 120", False, "default: nothing without a rule"),
        (f"--from tls:{PIN} --action write --symbol MAIN.x --scalar", True, "route desk"),
        (f"--from tls:{'cd' * 32} --action write --symbol MAIN.x --scalar", False, "default: nothing without a rule"),
        ("--from 192.168.0.6 --net-id 5.8.8.8.1.1 --action state", False, "binding of NetIds"),
        ("--from psk:cx --action state", False, "default: nothing without a rule"),
        ("--from mqtt:5.5.5.5.1.1 --action state", True, "broker broker"),
        ("--from mqtt:5.5.5.5.1.1 --listener elsewhere --action state", False, "default: nothing without a rule"),
    ],
)  # fmt: skip
def test_a_question_has_its_answer(document: Path, words: str, allowed: bool, rule: str) -> None:
    """Verdict, rule and exit code, for each kind of source."""
    result = run(document, "policy", "check", *words.split(), as_json=True)
    told = json.loads(result.output)
    assert (told["allowed"], told["rule"]) == (allowed, rule)
    assert result.exit_code == (0 if allowed else 1)
    assert told["reason"]


def test_the_answer_for_people_has_the_deciding_rule_and_the_way_to_it(document: Path) -> None:
    """Names are never taken for markup; each rule asked has a line, and the deciding one a mark."""
    result = run(document, "policy", "check", "--from", "192.168.5.7", "--symbol", "MAIN.safety")
    assert result.exit_code == 1
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert lines[0] == "refused: read of MAIN.safety at 5.1.2.3.1.1:851 from 192.168.5.7.1.1:30000"
    assert lines[1:3] == ["  rule: no [safety]", "  why: denies read of `*.safety`"]
    assert lines[-1].split() == [">", "no", "[safety]", "denies", "read", "of", "`*.safety`"]
    assert "another target device" in lines[-2]


def test_json_says_what_was_asked(document: Path) -> None:
    """Defaults are filled in: the route's NetId for its address, containers of the symbol, the data area."""
    result = run(document, "policy", "check", "--from", "192.168.0.5", "--symbol", "MAIN.a[2].x", as_json=True)
    assert json.loads(result.output)["asked"] == {
        "via": "lan",
        "source": "5.9.9.9.1.1:30000",
        "target": "5.1.2.3.1.1:851",
        "action": "read",
        "group": 0x4040,
        "offset": 0,
        "names": ["MAIN.a", "MAIN.a[2]", "MAIN.a[2].x"],
    }


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("--from nowhere", "is no source"),
        ("--from guest:hni", "there is no guest"),
        ("--from tls:12", "is no fingerprint"),
        ("--from 10.0.0.1 --action red", "is no action"),
        ("--from 10.0.0.1 --command red", "is no command"),
        ("--from 10.0.0.1 --command read --action read", "both an action and a command"),
        ("--from 10.0.0.1 --command read-write --group 0xF080", "is a sum command"),
        ("--from 10.0.0.1 --group 1-2", "is a range"),
        ("--from 10.0.0.1 --offset x", "is no range"),
        ("--from 10.0.0.1 --port 70000", "is not an AMS port"),
        ("--from 10.0.0.1 --net-id 1.2", "is not an AMS NetId"),
    ],
)
def test_a_wrong_question_is_a_bad_request(document: Path, words: str, what: str) -> None:
    """Exit code 2, with what would be right: never a verdict by mistake."""
    with pytest.raises(BadRequest, match=what):
        run(document, "policy", "check", *words.split())


def test_show_lists_the_rules_in_their_order(document: Path) -> None:
    """For programs and for people."""
    told = json.loads(run(document, "policy", "show", as_json=True).output)
    names = ["route press: read-only", "no [safety]", "office", "guest hmi: write", "guest hmi: read", "route desk",
             "broker broker"]  # fmt: skip
    assert [rule["name"] for rule in told] == names
    assert told[2]["groups"] == ["0x4020-0x4021"]
    text = run(document, "policy", "show").output
    for word in (*names, "guest:hmi", "MAIN.*", "192.168.5.0/24", f"sha256:{PIN[:8]}", "default: this machine"):
        assert word in text


def test_users_are_added_listed_and_removed(document: Path) -> None:
    """In the document's file, beside it; the password comes by standard input or by asking twice."""
    assert run(document, "user", "add", "eng", "--password-stdin", stdin="correct horse\n").output == "eng: added\n"
    asked = run(document, "user", "add", "eng", stdin="battery staple\nbattery staple\n")
    assert "eng: has a new password" in asked.output
    assert "battery" not in asked.output
    told = json.loads(run(document, "user", "list", as_json=True).output)
    assert told == {"file": str(document.parent / "users"), "users": ["eng"]}
    assert run(document, "user", "remove", "eng").output == "eng: removed\n"
    assert run(document, "user", "list").output == "no users\n"


def test_faults_of_users_are_told(document: Path, tmp_path: Path) -> None:
    """No file, no such user, a name that will not do (before any password), a document without a file."""
    with pytest.raises(HostError, match="no file of users"):
        run(document, "user", "list")
    with pytest.raises(BadRequest, match="is no user name"):
        run(document, "user", "add", "a:b")
    bare = tmp_path / "bare.toml"
    bare.write_text("")
    with pytest.raises(BadRequest, match="names no file"):
        run(bare, "user", "list")
    assert run(bare, "user", "add", "eng", "--file", str(tmp_path / "own"), "--password-stdin",
               stdin="correct horse\n").exit_code == 0  # fmt: skip
