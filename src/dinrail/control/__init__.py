"""The control process: loads an Image and runs its tasks. Knows neither compiler nor network.

image     the file that `plc build` wrote: machine code, tasks, symbols, debug map
settings  what a task is: cycle, priority, core, watchdog, overrun policy
channel/  the memory it shares: header, task table, published data, command rings, process image
"""
