"""Checked tree to machine code. The only room with llvmlite.

abi                        how the code is called, what the shared object exports
module                     Program -> text in LLVM's language      (emission, writer: its state)
function statement choice guarded expression arithmetic call intrinsic location      one part of the tree each
dispatch                   class and interface tables
runtime heap               the helpers that the code calls, in LLVM's language themselves
debuginfo                  which instruction came from where
machine                    text -> object
link                       object -> shared object
debugmap stack             what is read out of the object: addresses' places, depth of the stack
session                    the code in this process, for tests and quick runs
"""
