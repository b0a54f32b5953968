"""Online change: another image of the same application, with the state of the one that runs.

state  what an image says about its data: variables, types, where addresses stand
plan   which bytes go where; refused with every reason at once where something cannot carry over
make   loads the new module, has the tasks change between two cycles, and shows the new layout
"""
