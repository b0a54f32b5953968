"""The system service (port 10000) and the router's own ports: state, routes, files, registry, logger, RTIME."""
