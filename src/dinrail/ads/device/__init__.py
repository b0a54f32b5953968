"""Device servers behind AMS ports: memory, symbols, handles, sum commands, notifications. Pure."""
