"""Text to machine code, by LLVM."""

from __future__ import annotations

import functools

from llvmlite import binding

from dinrail.plc.core.options import Options
from dinrail.plc.emit.failure import EmitFault

PORTABLE_CPU = "x86-64-v2"
"""For images that are built on one machine and run on another: any x86-64 of the last fifteen years."""

SMALL_INLINING = 45
"""LLVM's threshold for code that must stay small (its usual one is 225)."""


@functools.cache
def _start() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    # A function's first instructions allocate its whole frame, so that a trap finds its caller, and `stack` its size.
    binding.set_option("dinrail", "-enable-shrink-wrap=false")


def target_machine(options: Options) -> binding.TargetMachine:
    """What to make code for. cpu `host` is this very machine; `portable` any; else LLVM's name of one."""
    _start()
    triple = binding.get_process_triple()
    cpu, features = options.cpu, ""
    if cpu == "host":
        cpu, features = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    elif cpu == "portable":
        cpu = PORTABLE_CPU
    return binding.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=options.optimise, reloc="pic", codemodel="small"
    )


def parse(text: str) -> binding.ModuleRef:
    """The module in memory, verified."""
    _start()
    try:
        module = binding.parse_assembly(text, context=binding.create_context())
        module.verify()
    except RuntimeError as error:
        raise EmitFault("LLVM refuses the code that was made", why=str(error)) from error
    return module


def optimise(
    module: binding.ModuleRef, machine: binding.TargetMachine, options: Options, *, is_large: bool = False
) -> None:
    """LLVM's own pipeline for the level. is_large: without the two steps that make code grow, and building slow."""
    tuning = binding.create_pipeline_tuning_options(speed_level=min(options.optimise, 3))
    tuning.loop_vectorization = tuning.slp_vectorization = options.optimise >= 2
    if is_large:
        tuning.loop_unrolling = False
        tuning.inlining_threshold = SMALL_INLINING
    builder = binding.create_pass_builder(machine, tuning)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    builder.getModulePassManager().run(module, builder)


def object_code(text: str, options: Options, *, is_large: bool = False) -> bytes:
    """An ELF relocatable object. is_large: it is one of several parts (`parts`), built for a person who waits."""
    machine = target_machine(options)
    module = parse(text)
    optimise(module, machine, options, is_large=is_large)
    return bytes(machine.emit_object(module))
