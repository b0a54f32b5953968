"""Checked tree to machine code. The only room with llvmlite.

Text in LLVM's language, one part of the tree in each file:
    module function statement choice guarded bounded expression arithmetic call intrinsic location
    emission writer            its state: of the module, of a function
    dispatch                   class and interface tables
    aliasing                   what LLVM may take for granted about memory
    debuginfo                  which instruction came from where
    handover                   what tasks hand over to each other
    runtime texts heap rpc     helpers that the code calls, stubs for methods called from outside
    abi                        how the code is called, what the shared object exports

From there on:
    parts apart                a large text -> several, several texts -> objects at the same time
    machine link               text -> object -> shared object
    debugmap stack             read out of it: addresses' places, depth of the stack
    build                      all of it, to an image
    session paths values       the code in this process, for tests and quick runs
    executive/                 what runs a task's cycles
"""
