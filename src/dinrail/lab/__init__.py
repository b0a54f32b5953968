"""The virtual industrial PC: a whole machine in QEMU, to show the product, test it, and try a plan before hardware."""
