"""Build the wheel and install it with each extra alone: `python -m tools.wheels`. Says what each environment can do."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_ALONE = {"dev"}
"""The workshop's own extra: `make setup` installs it."""


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ["", *sorted(set(project["optional-dependencies"]) - NOT_ALONE)]
    with tempfile.TemporaryDirectory(prefix="dinrail-wheel-") as name:
        place = Path(name)
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place))
        (wheel,) = place.glob("*.whl")
        image = place / "demo.image"
        build_image(image)
        for extra in extras:
            check(place / (extra or "alone"), f"{wheel}[{extra}]" if extra else str(wheel), extra, image)
    print(f"{len(extras)} passed, 0 failed")


def check(environment: Path, requirement: str, extra: str, image: Path) -> None:
    """One environment: the help comes up, facts can be read, and what its extra is for is there or is told plainly."""
    run(sys.executable, "-m", "venv", str(environment))
    python = str(environment / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement)
    for words in (["--help"], ["pci", "--json"], ["schema"]):
        run(python, "-m", "dinrail", *words)
    run(python, "-m", "dinrail", "lab", "list")
    if extra != "lab":
        refused = subprocess.run([python, "-m", "dinrail", "lab", "demo"], capture_output=True, text=True, check=False)
        assert refused.returncode == 3, refused
        assert "pip install dinrail[lab]" in refused.stderr, refused.stderr
    router(python, "127.77.0.1")
    control(python, image)
    if extra == "control":
        structured_text(python, environment)
    if extra == "ads":
        run(python, "-c", "import OpenSSL, paho.mqtt, prometheus_client, dinrail.daemon.router.secure")
    print(f"wheel {'with ' + extra if extra else 'alone'}: ok")


def router(python: str, address: str) -> None:
    """The router needs no extra at all for plain ADS: it comes up with its PLC and is read by our own client."""
    argv = [python, "-m", "dinrail", "--json", "ads", "serve", "--simulate", "--listen", address]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            net_id = json.loads(server.stdout.readline())["net_id"]
            run(python, "-m", "dinrail", "ads", "read", "--to", address, "--net-id", net_id, "GVL_Types.nInt")
        finally:
            server.terminate()


def build_image(target: Path) -> None:
    """The example, built by the workshop's own compiler."""
    folder = target.with_name("demo")
    run(sys.executable, "-m", "dinrail", "plc", "new", str(folder))
    run(sys.executable, "-m", "dinrail", "plc", "build", str(folder), "-o", str(target))


def control(python: str, image: Path) -> None:
    """An image runs where there is neither compiler nor hypervisor: in a control process, with nothing on its PATH."""
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom dinrail.control.channel.reader import Channel\n"
        "path = Path(sys.argv[1])\nend = time.monotonic() + 20\n"
        "while not path.exists() and time.monotonic() < end: time.sleep(0.01)\n"
        "with Channel.open(path) as channel:\n"
        "    while channel.task_word(0, 'run_count') < 20:\n"
        "        assert time.monotonic() < end\n        time.sleep(0.01)\n"
    )
    with tempfile.TemporaryDirectory(prefix="dinrail-control-") as name:
        channel = Path(name) / "channel"
        argv = [python, "-m", "dinrail.control", str(image), "--channel", str(channel)]
        bare = {"PATH": name}
        with subprocess.Popen(argv, env=bare, stderr=subprocess.DEVNULL) as process:
            try:
                run(python, "-c", script, str(channel))
            finally:
                process.terminate()
        assert process.returncode == 0, process.returncode


def structured_text(python: str, environment: Path) -> None:
    """The compiler's extra alone: the example is made, checked, tested and run."""
    folder = str(environment / "demo")
    for words in (["new", folder], ["check", folder], ["test", folder], ["run", folder, "--cycles", "10"]):
        run(python, "-m", "dinrail", "plc", *words)


def run(*argv: str) -> None:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
