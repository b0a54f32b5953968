"""The memory that the control shares: one file. Layout and rules: docs/channel.md.

layout   every record of it, and the numbers that both sides know
plan     where everything lies in a new one
memory   the mapping: whole words, records, bytes
reader   Channel: state, statistics, snapshots, faults, forces
ring     a ring of command records, either side
writer   Writer: commands to the tasks, by lease
request  start, stop, reset, another image: asked and answered
"""
