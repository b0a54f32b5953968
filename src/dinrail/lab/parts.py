"""The parts that the lab is built from: Debian packages, unpacked into a cache and never installed.

apt is used with state and cache directories of its own, so that no root is needed and the machine's apt stays as it is;
its sources are the machine's. What was chosen the first time is written to `parts.json` and kept: later runs need no
network, and results can name the versions they were made with. Removing `parts.json` renews the choice.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dinrail.errors import CommandFailed, HostError

KERNEL = "linux-image-amd64"
"""The virtual PC's: Debian's stock kernel, with the 9p file system and every driver."""

GUEST_KERNEL = "linux-image-cloud-amd64"
"""The guest's: small, LZ4-compressed (a third of the unpacking time under emulation), with efifb built in."""

Progress = Callable[[str], None]


def silent(_text: str) -> None:
    """The progress of nobody."""


@dataclass(frozen=True, slots=True)
class Part:
    """One unpacked package. `tree` is relative to the cache."""

    package: str
    version: str
    sha256: str
    tree: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel package. `tree` holds `boot` and `lib/modules`."""

    tree: Path
    release: str
    version: str

    @property
    def vmlinuz(self) -> Path:
        return self.tree / "boot" / f"vmlinuz-{self.release}"


@dataclass(frozen=True, slots=True)
class Cache:
    """The directory that outlives runs, and may be shared by several at once."""

    root: Path

    @classmethod
    def default(cls) -> Cache:
        """$DINRAIL_CACHE, else $XDG_CACHE_HOME/dinrail, else ~/.cache/dinrail."""
        chosen = os.environ.get("DINRAIL_CACHE")
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(chosen).expanduser() if chosen else Path(base).expanduser() / "dinrail")

    def kernel(self, name: str = KERNEL, *, progress: Progress = silent) -> Kernel:
        """The kernel that a Debian meta package names today, or named when it was first asked for."""
        part = self.part(name, progress=progress)
        tree = self.root / part.tree
        return Kernel(tree, next((tree / "lib/modules").iterdir()).name, part.version)

    def part(self, name: str, *, progress: Progress = silent) -> Part:
        """Get one part ready. Raises HostError or CommandFailed; what was got before then is kept."""
        with self._locked():
            known = self.versions()
            part = known.get(name)
            if part is None or not (self.root / part.tree).is_dir():
                part = _unpacked(self.root, name, progress)
                text = json.dumps({n: asdict(p) for n, p in (known | {name: part}).items()}, indent=2)
                fresh = self.root / "parts.json.new"
                fresh.write_text(text + "\n")
                fresh.replace(self.root / "parts.json")
            return part

    def versions(self) -> dict[str, Part]:
        """What is there, by the name it was asked for."""
        try:
            text = (self.root / "parts.json").read_text()
        except FileNotFoundError:
            return {}
        return {name: Part(**fields) for name, fields in json.loads(text).items()}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / "lock").open("w")
        except OSError as error:
            raise HostError(
                "cannot be written",
                where=str(self.root),
                why="the lab keeps its parts there",
                hint="set DINRAIL_CACHE to a directory of your own",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _unpacked(root: Path, name: str, progress: Progress) -> Part:
    """Choose, fetch, unpack, index. The tree gets its name last, so that an interrupted run leaves no half of one."""
    apt = _Apt(root)
    progress("reading Debian's package lists")
    apt.update()
    package, version = apt.choose(name)
    progress(f"fetching {package} {version}")
    deb = apt.fetch(package, version)
    progress(f"unpacking {deb.name}")
    tree = root / "trees" / deb.stem
    fresh = tree.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    _call(("dpkg-deb", "-x", str(deb), str(fresh)))
    if (fresh / "lib/modules").is_dir():
        # The package leaves this to its installation script.
        _call(("depmod", "-b", str(fresh), next((fresh / "lib/modules").iterdir()).name))
    shutil.rmtree(tree, ignore_errors=True)
    fresh.rename(tree)
    return Part(package, version, hashlib.sha256(deb.read_bytes()).hexdigest(), str(tree.relative_to(root)))


@dataclass(frozen=True, slots=True)
class _Apt:
    root: Path

    def update(self) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "debs"):
            (self.root / "apt" / name).mkdir(parents=True, exist_ok=True)
        _call(("apt-get", *self._options(), "update", "-q"), hint="is Debian's mirror reachable from here?")

    def choose(self, name: str) -> tuple[str, str]:
        """The package behind a meta package (its first dependency that is a kernel image), and its version."""
        text = _call(("apt-cache", *self._options(), "show", "--no-all-versions", name))
        fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0] != " ")
        for word in fields.get("Depends", "").split(","):
            package = word.split("(")[0].strip()
            if package.startswith("linux-image-"):
                return package, fields["Version"]
        return name, fields["Version"]

    def fetch(self, package: str, version: str) -> Path:
        directory = self.root / "apt" / "debs"
        pattern = f"{package}_{version.replace(':', '%3a')}_*.deb"
        if not list(directory.glob(pattern)):
            _call(("apt-get", *self._options(), "download", "-q", f"{package}={version}"), cwd=directory)
        return next(directory.glob(pattern))

    def _options(self) -> tuple[str, ...]:
        own = self.root / "apt"
        settings = {
            "Dir::State": own / "state",
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": own / "cache",
            # apt's own download user may not enter a home directory.
            "APT::Sandbox::User": "",
        }
        return tuple(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))


def _call(argv: tuple[str, ...], *, cwd: Path | None = None, hint: str | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise HostError(
            "is not installed", where=argv[0], why="the lab's parts are Debian packages", hint="the lab needs Debian 12"
        ) from error
    if done.returncode:
        raise CommandFailed("failed", argv=argv, status=done.returncode, stderr=done.stderr, hint=hint)
    return done.stdout
