"""The router's core without I/O: links, local ports, routes, upstream connections, and what may pass."""
