"""The virtual industrial PC: a whole machine in QEMU, on any machine, in which the real product runs."""
