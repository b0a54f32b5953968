"""Units to a Program: the way through the checker from end to end."""

from __future__ import annotations

from collections.abc import Sequence

from dinrail.plc.check.declarations import Body, Declarations
from dinrail.plc.check.declare_variables import Home, settle_variables
from dinrail.plc.check.elaborator import Elaborator
from dinrail.plc.check.finishing import finish
from dinrail.plc.check.fold import constant
from dinrail.plc.check.initial import reset_statements
from dinrail.plc.check.leaving import write_leaving
from dinrail.plc.check.names import near
from dinrail.plc.check.operand import Told
from dinrail.plc.check.register import register
from dinrail.plc.check.starting import (
    configure,
    own_fields,
    plan_initialiser,
    start_located,
    start_static,
    write_initialiser,
)
from dinrail.plc.check.world import PouInfo, World
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Function, Program, TaskProgram
from dinrail.plc.core.statement import Statement
from dinrail.plc.parse.declaration import PouKind, Unit
from dinrail.plc.pause import paused_collector
from dinrail.plc.source import NOWHERE, Report
from dinrail.plc.types.model import UNKNOWN, FunctionBlockType, OpenArrayType, StructType
from dinrail.plc.types.variable import Role, Storage, Variable


def check_program(
    units: Sequence[Unit], tasks: Sequence[tuple[str, Sequence[str]]], options: Options, report: Report
) -> Program:
    """The checked application. tasks: (name, names of the programs it calls). Worth something only unless
    `report.failed`."""
    with paused_collector():
        return _check(units, tasks, options, report)


def _check(
    units: Sequence[Unit], tasks: Sequence[tuple[str, Sequence[str]]], options: Options, report: Report
) -> Program:
    world = World(options, report, Program())
    declarations = Declarations(world, lambda scope, function: Elaborator(world, scope, function))
    declarations.hook()
    world.constant = lambda scope, expr, want: constant(world, scope, expr, want)
    register(declarations, units)
    _settle(declarations)
    _complete(declarations)
    _entries(world, tasks)
    _bodies(declarations)
    if not report.failed:
        finish(declarations)
    _say_once(report)
    return world.program


def _settle(declarations: Declarations) -> None:
    """All that the project declares, and the types and globals of its libraries."""
    world = declarations.world
    for declared in list(declarations.types.values()):
        declarations.declare_type(declared.type)
    settle_variables(declarations, declarations.globals, Home.GLOBALS)
    declarations.note_statics(declarations.globals)
    for info in list(world.pous.values()):
        declarations.settle_pou(info)


def _complete(declarations: Declarations) -> None:
    """Sizes, offsets, initial bytes, and which classes need code to start."""
    world = declarations.world
    for declared in list(declarations.types.values()):
        if isinstance(declared.type, StructType):
            declarations.lay_out(declared.type)
        declarations.settle_default(declared.type)
    for info in list(world.pous.values()):
        if isinstance(info.type, FunctionBlockType):
            declarations.lay_out(info.type)
    configure(declarations)
    declarations.woken.clear()
    _initials(declarations)
    for kind in list(world.program.classes):
        plan_initialiser(declarations, kind)
    declarations.complete = lambda info: _complete_woken(declarations, info)
    declarations.complete_woken()
    world.extended = None
    program = world.program
    program.structures = [each.type for each in declarations.types.values() if isinstance(each.type, StructType)]


def _complete_woken(declarations: Declarations, info: PouInfo) -> None:
    if isinstance(info.type, FunctionBlockType):
        declarations.lay_out(info.type)
    _initials(declarations)
    if isinstance(info.type, FunctionBlockType):
        plan_initialiser(declarations, info.type)


def _initials(declarations: Declarations) -> None:
    """The initial bytes of all variables declared since last time."""
    while declarations.unvalued:
        waiting, declarations.unvalued = declarations.unvalued, []
        for declared in waiting:
            declarations.settle_initial(declared.variable)


def _entries(world: World, tasks: Sequence[tuple[str, Sequence[str]]]) -> None:
    """The programs, and which of them each task calls."""
    program = world.program
    for name, info in world.pous.items():
        if info.kind is PouKind.PROGRAM and info.function is not None:
            program.entry[name] = info.function
    for task, called in tasks:
        functions: list[Function] = []
        for name in called:
            found = world.pou(name.upper())  # the library has programs of its own, too
            function = found.function if found is not None and found.kind is PouKind.PROGRAM else None
            if function is None:
                text = f"the task {task} calls {name}, which is no program of this project"
                hint = near(name, (each.name for each in program.entry.values()))
                world.report.error(NOWHERE, "no-such-program", text, hint)
            else:
                functions.append(function)
        program.tasks.append(TaskProgram(task, functions))


def _bodies(declarations: Declarations) -> None:
    """All code, until nothing new turns up: bodies mention library POUs, which bring bodies and statics."""
    program = declarations.world.program
    started = 0
    while declarations.bodies or declarations.initialisers or declarations.leaving or started < len(program.statics):
        while started < len(program.statics):
            start_static(declarations, program.statics[started])
            started += 1
        initialisers, declarations.initialisers = declarations.initialisers, []
        for kind in initialisers:
            write_initialiser(declarations, kind)
        leaving, declarations.leaving = declarations.leaving, []
        for kind in leaving:
            write_leaving(declarations, kind, own_fields(kind))
        bodies, declarations.bodies = declarations.bodies, []
        for body in bodies:
            _elaborate(declarations, body)
    for variable in list(program.areas):
        start_static(declarations, variable)


def _elaborate(declarations: Declarations, body: Body) -> None:
    function = body.function
    declared = list(function.locals)
    elaborator = declarations.elaborator(body.scope, function)
    statements = elaborator.statements(body.syntax.body)
    function.body = _head(declarations, function, elaborator, declared) + statements
    declarations.world.program.functions.append(function)


def _head(
    declarations: Declarations, function: Function, elaborator: Elaborator, declared: Sequence[Variable]
) -> list[Statement]:
    """Locals, results and outputs start with their values at each call."""
    fresh = [each for each in function.parameters if each.role in (Role.OUTPUT, Role.RESULT)]
    fresh += [function.result] if function.result is not None else []
    out: list[Statement] = []
    for variable in (*fresh, *(each for each in declared if each.storage is Storage.LOCAL)):
        if variable.type is UNKNOWN or isinstance(variable.type, OpenArrayType):
            continue
        try:
            out += reset_statements(elaborator, variable, variable.at)
            if variable.role not in (Role.OUTPUT, Role.RESULT):
                out += start_located(declarations, elaborator, variable)
        except Told:
            continue
    return out


def _say_once(report: Report) -> None:
    """Takes out what was said twice of one place: initial values are looked at more than once."""
    seen: set[tuple[int, str, str]] = set()
    kept = []
    for message in report.messages:
        key = (message.at, message.rule, message.text)
        if key not in seen:
            seen.add(key)
            kept.append(message)
    report.messages[:] = kept
