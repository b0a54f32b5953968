"""I/O drivers: each a process of its own, with a device on one side and its piece of %I and %Q on the other.

    settings   what a device is, and which of its tables lie where in the process image
    image      bytes of the process image <-> values of a device's tables. Pure
    modbus     Modbus TCP, by pymodbus
    drive      the loop: take outputs, exchange with the device, give inputs; what a lost device does to the inputs

No task ever waits for a driver (control.channel.exchange). A driver for another bus implements `drive.Device`.
"""
