"""Syntax tree to checked tree: names found, types checked, conversions made explicit, every error at once."""
