"""The QEMU backend: what this QEMU can do, where devices go, the command line, and the monitor."""
