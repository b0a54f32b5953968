"""A host as values: the raw bytes of declared sources in, `HostFacts` out. Nothing in here reads the machine."""
