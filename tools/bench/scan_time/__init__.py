"""Structured Text against the same in C with the same data layout, cycle by cycle in one process."""
