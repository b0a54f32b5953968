"""The shared memory between control and everybody else. Nobody can make control wait (docs/channel.md)."""
