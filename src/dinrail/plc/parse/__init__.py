"""Tokens to syntax tree. Nodes: `expression`, `statement`, `declaration`."""
