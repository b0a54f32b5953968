"""What a claim may change about a device, seen past the product: sysfs inside the virtual PC."""

from __future__ import annotations

import json
from typing import Any

from dinrail.lab.machine import VirtualPc

_LOOK = """
import json, os, sys
states = {}
for address in sys.argv[1:]:
    device = "/sys/bus/pci/devices/" + address
    state = states[address] = {"override": open(device + "/driver_override").read().strip()}
    link = device + "/driver"
    state["driver"] = os.path.basename(os.readlink(link)) if os.path.lexists(link) else ""
    # A ROM that is switched off answers EINVAL; whether it is on can be seen in no other way.
    try:
        with open(device + "/rom", "rb", buffering=0) as rom:
            state["rom"] = "on" if rom.read(1) else "empty"
    except OSError as fault:
        state["rom"] = os.strerror(fault.errno)
print(json.dumps(states))
"""

DeviceState = dict[str, str]
"""`driver`, `override` and `rom`, as sysfs spells them."""


def device_states(pc: VirtualPc, *addresses: str) -> dict[str, DeviceState]:
    """The state of each function now. Equal before and after means: left as found."""
    done = pc.run(["python3", "-I", "-S", "-c", _LOOK, *addresses])
    states: Any = json.loads(done.stdout)
    return {str(address): {str(k): str(v) for k, v in state.items()} for address, state in states.items()}
