"""What the pages about ADS show is so: each block is loaded, parsed or run."""

from __future__ import annotations

import ast
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
import typer.main
from ads_process import Serving, own_address, serving, wait_until
from doc_blocks import ALL, DOCS, EXAMPLES, PAGES, Block, commands, fits
from foreign_clients import HERE
from run_mosquitto import PASSWD, PROGRAM, free_port

from dinrail.ads.simulate import load
from dinrail.ads.transport.certificates import load_or_make
from dinrail.ams.address import NetId
from dinrail.cli.main import app, hoist_globals, register
from dinrail.config.document import load as load_document

NET_ID = NetId.parse("5.1.2.3.1.1")
PLC = NetId.parse("5.80.201.232.1.1")
LANGUAGES = {"toml", "csv", "console", "python", "js", "sh", "text", "cpp"}
RUNS = [block for block in ALL if block.runs]
register()


def of(*languages: str) -> list[Block]:
    return [block for block in ALL if block.language in languages]


def devices() -> list[Block]:
    return [block for block in of("toml", "csv") if block.is_device]


def documents() -> list[Block]:
    return [block for block in of("toml") if not block.is_device]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    """A block names its language, so that none escapes from being checked, and every fence is closed."""
    text = page.read_text("utf-8")
    own = [block for block in ALL if block.page == page]
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(own)
    assert {block.language for block in own} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to another page, a file or a heading finds it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        name, _, heading = target.partition("#")
        place = page if not name else page.parent / name
        assert place.exists(), f"{page.name}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.+)$", place.read_text("utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target


@pytest.mark.parametrize("block", documents(), ids=str)
def test_documents_are_documents(block: Block, tmp_path: Path) -> None:
    """A TOML block is a whole document without a fault."""
    path = tmp_path / "dinrail.toml"
    path.write_text(block.text)
    load_document(path)


@pytest.mark.parametrize("block", devices(), ids=str)
def test_descriptions_are_devices(block: Block, tmp_path: Path) -> None:
    """A description loads, and has symbols."""
    path = tmp_path / f"device.{block.language}"
    path.write_text(block.text)
    assert len(load(path).table) > 0


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.[tc]*")), ids=lambda path: path.name)
def test_examples_load(path: Path) -> None:
    """Each file of docs/examples is a document or a device without a fault."""
    is_device = path.suffix == ".csv" or "[symbols]" in path.read_text()
    if is_device:
        assert len(load(path).table) > 0
    else:
        load_document(path)


@pytest.mark.parametrize("block", [block for block in ALL if block.value("example")], ids=str)
def test_what_is_said_to_be_an_example_is_one(block: Block) -> None:
    """A block that stands for a file of docs/examples is in it, word for word."""
    assert block.text in (EXAMPLES / block.value("example")).read_text()


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_is_python(block: Block) -> None:
    """Snippets in Python can be parsed, also those that need a PLC to run."""
    if not block.value("example"):
        ast.parse(block.text)


@pytest.mark.parametrize("block", of("sh", "console"), ids=str)
def test_commands_exist(block: Block) -> None:
    """Each `dinrail` command is one that the program takes, options and all."""
    for command in commands(block):
        words = list(command.words)
        if "dinrail" not in words or words[0] not in ("dinrail", "docker"):
            continue
        parsed(hoist_globals(words[words.index("dinrail") + 1 :]), str(block))


def parsed(words: list[str], where: str) -> None:
    """Take the words apart as the program does, and run nothing."""
    command: click.Command = typer.main.get_command(app)
    while isinstance(command, click.Group):
        words = [word for word in words if word != "--json"]
        assert words, f"{where}: no command"
        assert words[0] in command.commands, f"{where}: there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    try:
        command.make_context("dinrail", words)
    except click.ClickException as fault:
        raise AssertionError(f"{where}: {' '.join(words)}: {fault.format_message()}") from fault


# Against real servers.


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty directory, as a reader has it."""
    return tmp_path


def ran(argv: list[str], place: Path, server: Serving) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "DINRAIL_ADS": f"{server.address}:{server.port}",
        "DINRAIL_STATE": str(place / "state"),
        "COLUMNS": "160",
    }
    return subprocess.run(
        argv, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )


def cli(place: Path, server: Serving, *words: str) -> str:
    """What `dinrail` prints."""
    return ran([sys.executable, "-m", "dinrail", *words], place, server).stdout


@pytest.mark.ads
@pytest.mark.parametrize("page", sorted({block.page for block in RUNS if block.language == "console"}), ids=str)
def test_consoles_print_what_they_show(page: Path, place: Path) -> None:
    """Commands on a page, run in their order, print what stands below them."""
    own = [block for block in ALL if block.page == page]
    for block in own:
        if block.value("file"):
            (place / block.value("file")).write_text(block.text)
    by_device: dict[str, list[Block]] = {}
    for block in own:
        if block.runs and block.language == "console":
            by_device.setdefault(block.value("device"), []).append(block)
    for device, group in by_device.items():
        words = ("--device", str(EXAMPLES / device)) if device else ("--simulate",)
        with serving(*words, net_id=NET_ID) as server:
            for block in group:
                for command in commands(block):
                    assert command.words[0] == "dinrail"
                    printed = cli(place, server, *command.words[1:])
                    assert fits(command.prints, printed), f"{block}: {' '.join(command.words)}\n{printed}"


@pytest.mark.ads
@pytest.mark.parametrize("block", [block for block in RUNS if block.language in ("python", "js")], ids=str)
def test_clients_connect_as_shown(block: Block, place: Path) -> None:
    """Each client's snippet runs as it stands, against a simulated PLC, and prints something."""
    with serving("--simulate", net_id=NET_ID) as server:
        text = block.text.replace("127.0.0.1", server.address)
        if block.language == "python":
            done = ran([sys.executable, "-c", text], place, server)
        else:
            # The port-connect snippet relies on the usual address, which a test may not take.
            text = text.replace("targetAdsPort: 851 }", f"targetAdsPort: 851, routerAddress: '{server.address}' }}")
            done = ran(["node", "--input-type=module", "-e", text], HERE, server)
        assert done.returncode == 0, done.stdout
        assert done.stdout.strip()


@pytest.mark.ads
def test_three_lines_are_a_proxy(place: Path) -> None:
    """The three lines of ads-proxy.md reach a PLC by one connection, with their address put right."""
    with serving("--simulate", net_id=PLC) as behind:
        text = (EXAMPLES / "proxy.toml").read_text().replace("192.168.0.5", behind.address)
        (place / "dinrail.toml").write_text(text)
        with serving("--config", str(place / "dinrail.toml"), net_id=NET_ID) as router:
            printed = cli(place, router, "ads", "read", "GVL_Types.nInt", "--net-id", str(PLC))
    assert "-12345" in printed


@contextmanager
def example(name: str, address: str) -> Iterator[Serving]:
    """A program of docs/examples, up."""
    argv = [sys.executable, str(EXAMPLES / name), address]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], 20)
            assert readable
            assert address in process.stdout.readline()
            yield Serving(address, 48898, process)
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.ads
def test_the_counter_counts(place: Path) -> None:
    """The smallest device in Python is read and written by index group."""
    with example("counter.py", own_address()) as server:
        read = ("ads", "read", "--at", "0x1000:0:4", "--port", "852")
        assert "01 00 00 00" in cli(place, server, *read)
        cli(place, server, "ads", "write", "--at", "0x1000:0", "--hex", "63000000", "--port", "852")
        assert re.search("6[45] 00 00 00", cli(place, server, *read))


@pytest.mark.ads
def test_the_thermometer_measures(place: Path) -> None:
    """The device with symbols moves its variables, tells changes, takes a method call, and serves its own group."""
    with example("thermometer.py", own_address()) as server:
        celsius = re.search(r"MAIN.fCelsius\s+([\d.]+)", cli(place, server, "ads", "read", "MAIN.fCelsius"))
        assert celsius is not None
        assert 15 <= float(celsius[1]) <= 25
        assert cli(place, server, "ads", "watch", "MAIN.fCelsius", "--count", "3").count("MAIN.fCelsius") == 3
        assert "TRUE" in cli(place, server, "ads", "call", "MAIN.fbSensor", "Calibrate", "130.5")
        assert "TRUE" in cli(place, server, "ads", "read", "MAIN.bAlarm")
        assert "0x1000:0" in cli(place, server, "ads", "read", "--at", "0x1000:0:4")


def block_of(page: str, word: str) -> str:
    return next(block.text for block in ALL if block.page == DOCS / page and word in block.words)


def secured(place: Path, name: str, address: str, port: int, text: str, net_id: NetId) -> tuple[str, ...]:
    """Words for a router of that document, with doors at that address; its files lie beside it."""
    home = place / name
    home.mkdir(exist_ok=True)
    doors = f'listen = ["{address}"]\nsecure = ["{address}:{port}"]\n'
    text = (
        text.replace("[ads.tls]\n", '[ads.tls]\ncertificate = "ads-certificate.pem"\n')
        if "certificate" not in text
        else text
    )
    rest = re.sub(r"^(?:\[ads\]|net_id = .*|secure = .*)\n", "", text.partition("[[")[0], flags=re.MULTILINE)
    (home / "dinrail.toml").write_text(f'[ads]\nnet_id = "{net_id}"\n{doors}{rest}[[{text.partition("[[")[2]}')
    return "--config", str(home / "dinrail.toml"), "--simulate"


@pytest.mark.ads
def test_a_key_opens_the_other_end(place: Path) -> None:
    """The page's two documents with a pre-shared key: reading is allowed at the other end, writing is not."""
    here, there, port = own_address(), own_address(), free_port()
    other = secured(place, "there", there, port, block_of("ads-secure.md", "other-end"), PLC)
    text = block_of("ads-secure.md", "key").replace("192.168.0.5", f"{there}:{port}")
    ours = secured(place, "here", here, free_port(), text, NET_ID)
    with (
        serving(*other, net_id=PLC, address=there, own_doors=True),
        serving(*ours, net_id=NET_ID, address=here, own_doors=True) as router,
    ):
        assert "-12345" in cli(place, router, "ads", "read", "GVL_Types.nInt", "--net-id", str(PLC))
        assert "0x723" in cli(place, router, "ads", "write", "GVL_Types.nInt", "1", "--net-id", str(PLC))


@pytest.mark.ads
def test_pins_open_both_ends(place: Path) -> None:
    """The page's pinned route, and the same the other way round: each end knows the other by its fingerprint."""
    here, there = own_address(), own_address()
    ports = {here: free_port(), there: free_port()}
    prints = {}
    for name in (here, there):
        (place / name).mkdir()
        made = load_or_make(place / name / "ads-certificate.pem", name, now_ns=time.time_ns())
        prints[name] = made.fingerprint
    block = block_of("ads-secure.md", "pinned")
    pin = re.search(r'pin = "([^"]+)"', block)
    assert pin is not None

    def route_to(address: str, net_id: NetId) -> str:
        text = block.replace("192.168.0.5", f"{address}:{ports[address]}").replace(pin[1], prints[address])
        return text.replace(str(PLC), str(net_id))

    other = secured(place, there, there, ports[there], route_to(here, NET_ID), PLC)
    ours = secured(place, here, here, ports[here], route_to(there, PLC), NET_ID)
    with (
        serving(*other, net_id=PLC, address=there, own_doors=True) as back,
        serving(*ours, net_id=NET_ID, address=here, own_doors=True) as router,
    ):
        assert "-12345" in cli(place, router, "ads", "read", "GVL_Types.nInt", "--net-id", str(PLC))
        assert "-12345" in cli(place, back, "ads", "read", "GVL_Types.nInt", "--net-id", str(NET_ID))


@pytest.mark.ads
def test_a_user_of_the_file_adds_a_route(place: Path) -> None:
    """The page's credentials: a user made by `ads user add` may add a route, by dinrail and by pyads, nobody else."""
    document = next(block.text for block in documents() if 'file = "users"' in block.text)
    (place / "dinrail.toml").write_text(document)
    add = [sys.executable, "-m", "dinrail", "ads", "user", "add", "Administrator", "--password-stdin"]
    subprocess.run(add, cwd=place, input="correct horse\n", text=True, check=True, capture_output=True)
    snippet = next(block.text for block in of("python") if "add_route_to_plc" in block.text)
    with serving("--config", str(place / "dinrail.toml"), net_id=NET_ID) as server:
        remote = ("ads", "route", "add", "--remote", server.address, "--own-net-id", "5.1.2.10.1.1", "--password-stdin")
        for word, answer in (("wrong horse", "0x704"), ("correct horse", "added")):
            done = subprocess.run(
                [sys.executable, "-m", "dinrail", *remote],
                input=f"{word}\n",
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            assert answer in done.stdout
        text = snippet.replace('"192.168.5.1"', f'"{server.address}"')
        assert ran([sys.executable, "-c", f"import pyads\n{text}"], place, server).returncode == 0
        listed = cli(place, server, "ads", "route", "list")
    assert "5.1.2.10.1.1" in listed
    assert "192.168.5.7" in listed


@pytest.mark.ads
@pytest.mark.skipif(PROGRAM is None or PASSWD is None, reason="no mosquitto")
def test_the_broker_of_the_page_joins_two_routers(place: Path) -> None:
    """The page's mosquitto.conf and ACL (without TLS) let two routers find each other; one stranger finds nobody."""
    assert PROGRAM is not None
    assert PASSWD is not None
    port = free_port()
    lines = [line for line in block_of("ads-secure.md", "mosquitto.conf").splitlines() if "file /etc" not in line]
    lines = [line.replace("8883", f"{port} 127.0.0.1") for line in lines]
    lines += [f"acl_file {place}/acl", f"password_file {place}/passwords", "user root"]
    (place / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    (place / "acl").write_text(block_of("ads-secure.md", "acl"))
    secrets = {"5.1.2.7.1.1": "seven", "5.1.2.8.1.1": "eight"}
    (place / "passwords").write_text("".join(f"{user}:{word}\n" for user, word in secrets.items()))
    subprocess.run([PASSWD, "-U", str(place / "passwords")], check=True, capture_output=True)
    for user, word in secrets.items():
        told = f'name = "hall"\naddress = "127.0.0.1:{port}"\nuser = "{user}"\npassword = "{word}"\n'
        (place / f"{user}.toml").write_text(f'[[ads.mqtt]]\n{told}grants = "read-only"\n')
    broker = subprocess.Popen(
        [PROGRAM, "-c", str(place / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ours, theirs = map(NetId.parse, secrets)
    try:
        with (
            serving("--config", str(place / f"{ours}.toml"), net_id=ours) as here,
            serving("--config", str(place / f"{theirs}.toml"), "--simulate", net_id=theirs),
        ):
            read = ("ads", "read", "GVL_Types.nInt", "--net-id", str(theirs))
            wait_until(lambda: "-12345" in cli(place, here, *read), "the other router is reached by the broker")
            assert "0x723" in cli(place, here, "ads", "write", "GVL_Types.nInt", "1", "--net-id", str(theirs))
    finally:
        broker.terminate()
        broker.wait(10)
