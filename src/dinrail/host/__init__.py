"""The only room that touches the machine: reads declared sources, makes journaled changes, takes leases."""
