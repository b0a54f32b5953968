"""The virtual PC's first file system: busybox, the modules to reach the outer root, and two small scripts.

The first script loads the modules, mounts the outer machine's root read-only by 9p, lays the near disk (`lab.near`) and
a tmpfs over it, and goes there. The second one, process 1 from then on, loads drivers for the cards behind the ports as
udev would, and runs the agent; when the agent ends, the machine is switched off. So whoever holds the agent's channel
holds the machine.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from dinrail.errors import HostError
from dinrail.lab.cpio import Archive
from dinrail.lab.hardware import AGENT_PORT, NEAR_DISK, ROOT_TAG

EARLY_MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "9p", "9pnet_virtio", "ext4", "overlay")
"""What the kernel needs before it can see the outer root; everything else is loaded from there."""

HOME = "/run/dinrail-lab"
"""The lab's own directory inside: its second script."""

_APPLETS = ("sh", "mount", "insmod", "switch_root", "mkdir", "chmod", "cat", "ln")


@dataclass(frozen=True, slots=True)
class Inside:
    """What the scripts refer to; all paths are outer paths, which are the same inside.

    modules: the directory that holds `lib/modules` and `boot` of the unpacked kernel package.
    agent:   argument list of the agent, without the name of its port.
    """

    modules: Path
    release: str
    agent: tuple[str, ...]
    busybox: Path = Path("/bin/busybox")


def initramfs(inside: Inside) -> bytes:
    """The archive to give as `-initrd`. Raises HostError where busybox or a module is missing."""
    archive = Archive()
    archive.directory("bin", "dev", "proc", "sys", "mnt", "mnt/outer", "mnt/near", "mnt/own", "mnt/root", "modules")
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    archive.file("bin/busybox", busybox_bytes(inside.busybox), executable=True)
    for applet in _APPLETS:
        archive.symlink(f"bin/{applet}", "busybox")
    modules = module_files(inside.modules / "lib/modules" / inside.release, EARLY_MODULES)
    for module in modules:
        archive.file(f"modules/{module.name}", module.read_bytes())
    archive.file("init", _first(inside, tuple(m.name for m in modules)).encode(), executable=True)
    archive.file("second", _second(inside).encode(), executable=True)
    return archive.to_bytes()


def busybox_bytes(path: Path) -> bytes:
    """The static busybox that stands for every program before the outer root is there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise HostError(
            "cannot be read", where=str(path), why="it is the lab's first process", hint="install busybox-static"
        ) from error


def module_files(directory: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    """Files of the named modules and all they depend on, in loading order, from depmod's modules.dep.

    Names may be written with `-` or `_`. Raises HostError for a module that the kernel package does not have.
    """
    table: dict[str, list[str]] = {}
    for line in (directory / "modules.dep").read_text().splitlines():
        file, _, needed = line.partition(":")
        # modules.dep lists the nearest dependency first, so loading order is the reverse.
        table[_module_name(file)] = [*reversed(needed.split()), file]
    ordered: dict[str, None] = {}
    for name in names:
        files = table.get(name.replace("-", "_"))
        if files is None:
            raise HostError(f"has no module {name}", where=str(directory), hint="use Debian's linux-image-amd64")
        ordered.update(dict.fromkeys(files))
    return tuple(directory / file for file in ordered)


def _module_name(file: str) -> str:
    return Path(file).name.split(".ko", 1)[0].replace("-", "_")


def _first(inside: Inside, modules: tuple[str, ...]) -> str:
    """Runs as /init of the archive, with nothing but busybox."""
    tree = shlex.quote(f"/mnt/outer{inside.modules}")
    return f"""#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in {" ".join(modules)}; do insmod /modules/$module; done
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose {ROOT_TAG} /mnt/outer
mount -t ext2 -o ro {NEAR_DISK} /mnt/near
mount -t tmpfs -o size=50% tmpfs /mnt/own
mkdir /mnt/own/upper /mnt/own/work
mount -t overlay -o lowerdir=/mnt/near:/mnt/outer,upperdir=/mnt/own/upper,workdir=/mnt/own/work overlay /mnt/root
mkdir -p /mnt/root/lib/modules /mnt/root/boot /mnt/root/var/lib/dinrail
mount --bind {tree}/lib/modules /mnt/root/lib/modules
mount --bind {tree}/boot /mnt/root/boot
mount -t tmpfs -o mode=755 tmpfs /mnt/root/run
mount -t tmpfs -o mode=755 tmpfs /mnt/root/var/lib/dinrail
mkdir {HOME.replace("/run", "/mnt/root/run")}
cat /second > /mnt/root{HOME}/init
chmod 755 /mnt/root{HOME}/init
for place in proc sys dev; do mount --move /$place /mnt/root/$place; done
mkdir -p /mnt/root/dev/pts /mnt/root/dev/shm
mount -t devpts devpts /mnt/root/dev/pts
mount -t tmpfs tmpfs /mnt/root/dev/shm
exec switch_root /mnt/root {HOME}/init
"""


def _second(inside: Inside) -> str:
    """Runs as process 1 over the outer root. busybox's shell collects orphans while it waits for the agent."""
    box = shlex.quote(str(inside.busybox))
    return f"""#!{inside.busybox} sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
{box} hostname lab
{box} ifconfig lo 127.0.0.1 up
modprobe -a -q -b $({box} cat /sys/bus/pci/devices/0000:0[1-9]:*/modalias)
{shlex.join((*inside.agent, AGENT_PORT))}
echo "lab: the agent ended, switching off"
{box} sync
{box} poweroff -f
"""
