"""AMS and ADS on the wire: bytes <-> values, golden vectors in tests. No I/O, no meaning of any one device."""
