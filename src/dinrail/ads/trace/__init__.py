"""Seeing AMS traffic: captures read and written, TCP streams put together, frames in words. I/O in `live` only."""
