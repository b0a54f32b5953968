"""IEC 61131-3 data types: what a variable is, and its bytes <-> Python values. No I/O, no protocol, no compiler."""
