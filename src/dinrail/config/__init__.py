"""The one TOML document. Each package declares its own section; this room joins them and reports all faults at once."""
