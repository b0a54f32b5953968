"""What the PCI standards say: bytes <-> values. No I/O, no vendor, no quirk."""
