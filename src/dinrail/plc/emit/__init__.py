"""Checked tree to machine code. The only room with llvmlite."""
