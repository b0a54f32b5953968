"""ACPI tables that passthrough needs: bytes <-> values."""
