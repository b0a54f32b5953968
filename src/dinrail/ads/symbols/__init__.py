"""IEC types and symbols <-> ADS symbol and data type entries."""
