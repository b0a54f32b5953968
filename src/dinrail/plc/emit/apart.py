"""Several texts to several objects at the same time: each but one in a process of its own.

LLVM's binding runs one call at a time in a process. A worker is this very module, run by itself: text on its input, the
object on its output, both files, so that nobody waits for anybody's pipe.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dinrail.plc.core.options import Options
from dinrail.plc.emit.failure import EmitFault
from dinrail.plc.emit.machine import object_code


@dataclass(slots=True)
class _Worker:
    index: int
    process: subprocess.Popen[bytes]
    output: Path


def objects_of(texts: Sequence[str], options: Options) -> list[bytes]:
    """An object for each text, as many at a time as there are processors. Raises EmitFault."""
    if len(texts) == 1:
        return [object_code(texts[0], options)]
    done: dict[int, bytes] = {}
    waiting = list(range(len(texts)))
    workers: list[_Worker] = []
    with tempfile.TemporaryDirectory(prefix="dinrail-emit-") as name, contextlib.ExitStack() as started:
        started.callback(_end, workers)
        while waiting:
            own = waiting.pop(0)
            while waiting and len(workers) < len(os.sched_getaffinity(0)) - 1:
                index = waiting.pop(0)
                workers.append(_start(Path(name), index, texts[index], options))
            done[own] = object_code(texts[own], options, is_large=True)
            for worker in [each for each in workers if each.process.poll() is not None]:
                _take(worker, workers, done)
        while workers:
            _take(workers[0], workers, done)
    return [done[index] for index in range(len(texts))]


def _start(folder: Path, index: int, text: str, options: Options) -> _Worker:
    source, output = folder / f"{index}.ll", folder / f"{index}.o"
    source.write_text(text)
    argv = [sys.executable, "-P", "-m", __name__, options.cpu, str(options.optimise)]
    with source.open("rb") as given, output.open("wb") as made:
        process = subprocess.Popen(argv, stdin=given, stdout=made, stderr=subprocess.PIPE)
    return _Worker(index, process, output)


def _take(worker: _Worker, workers: list[_Worker], done: dict[int, bytes]) -> None:
    _, said = worker.process.communicate()
    workers.remove(worker)
    if worker.process.returncode:
        why = said.decode(errors="replace").strip()
        raise EmitFault(f"part {worker.index} of the code was not made", why=why[-400:] or None)
    done[worker.index] = worker.output.read_bytes()


def _end(workers: list[_Worker]) -> None:
    """Of those that an error left behind."""
    for worker in workers:
        worker.process.kill()
        worker.process.communicate()


def main() -> None:
    """The worker: argv cpu, level; see the module."""
    cpu, level = sys.argv[1:]
    options = Options(cpu=cpu, optimise=int(level))
    sys.stdout.buffer.write(object_code(sys.stdin.read(), options, is_large=True))


if __name__ == "__main__":
    main()
