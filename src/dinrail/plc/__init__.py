"""Structured Text to machine code.

    project/  files -> Source            plain folders and TwinCAT projects, each text with its place in its file
    scan      Source -> tokens
    parse/    tokens -> syntax tree      what was written (parse/tree.py)
    check/    syntax tree -> Program     what it means (core/tree.py): every name found, every conversion explicit
    types/    types, their layout in memory, and which converts to which
    core/     the checked tree, and what can be told from it: calls, recursion, who touches which variable
    emit/     Program -> Image           LLVM IR, machine code, executive, debug map; the only room with llvmlite
    library/  the standard library, in Structured Text

A place in the sources is one integer (source.Place) from the scanner to the fault that names it years later.
Nothing below `project` opens a file; nothing below `emit` knows LLVM.
"""
