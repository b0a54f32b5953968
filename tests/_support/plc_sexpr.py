"""Syntax trees as s-expressions, so that a test reads as what was meant: `(:= a (+ b 1))`."""

from __future__ import annotations

from dinrail.plc.parse.declaration import (
    Access,
    ArrayOf,
    EnumOf,
    GlobalList,
    NamedType,
    PointerTo,
    Pou,
    Property,
    StructDef,
    Subrange,
    TextType,
    TypeDecl,
    TypeExpr,
    Unit,
    VarBlock,
    VariableDecl,
)
from dinrail.plc.parse.expression import (
    Argument,
    ArrayInit,
    Assignment,
    Binary,
    BitOf,
    Call,
    Deref,
    DirectAddress,
    Expr,
    GlobalName,
    Index,
    Literal,
    LiteralKind,
    Member,
    Name,
    Passing,
    StructInit,
    Super,
    This,
    Unary,
)
from dinrail.plc.parse.statement import (
    Case,
    CaseBranch,
    Continue,
    Exit,
    ExprStmt,
    For,
    If,
    Jump,
    Label,
    Range,
    Repeat,
    Return,
    Stmt,
    Try,
    While,
)
from dinrail.plc.parse.unit import parse_body, parse_source
from dinrail.plc.source import Message, Report, Source, column_of, line_of


def show(message: Message) -> str:
    """`line:column rule: text | hint`."""
    text = f"{line_of(message.at)}:{column_of(message.at)} {message.rule}: {message.text}"
    return f"{text} | {message.hint}" if message.hint else text


def faults(text: str, **defines: str) -> list[str]:
    """The messages about a whole text."""
    report = Report()
    parse_source(Source("test.st", text, 0), report, defines)
    return [show(message) for message in report.messages]


def unit_of(text: str, **defines: str) -> Unit:
    """The tree of a text that has no fault."""
    report = Report()
    unit = parse_source(Source("lists/GVL_Test.st", text, 0), report, defines)
    assert [show(message) for message in report.messages] == []
    return unit


def body_of(text: str) -> str:
    """Faultless statements, as s-expressions in one line."""
    report = Report()
    body = parse_body(Source("test.st", text, 0), report)
    assert [show(message) for message in report.messages] == []
    return block(body)


def expression_of(text: str) -> str:
    """A faultless expression."""
    return body_of(f"x := {text};").removeprefix("(:= x ").removesuffix(")")


def block(body: list[Stmt]) -> str:
    return " ".join(map(statement, body))


def words(*parts: str) -> str:
    return f"({' '.join(part for part in parts if part)})"


def statement(node: Stmt) -> str:
    match node:
        case ExprStmt():
            return expression(node.value)
        case If():
            branches = [words(expression(condition), block(body)) for condition, body in node.branches]
            return words("if", *branches, words("else", block(node.otherwise)) if node.otherwise else "")
        case Case():
            branches = [case_branch(branch) for branch in node.branches]
            last = words("else", block(node.otherwise)) if node.has_else else ""
            return words("case", expression(node.selector), *branches, last)
        case For():
            by = f"by {expression(node.step)}" if node.step else ""
            head = f"{expression(node.variable)} {expression(node.start)} {expression(node.end)}"
            return words("for", head, by, block(node.body))
        case While():
            return words("while", expression(node.condition), block(node.body))
        case Repeat():
            return words("repeat", block(node.body), "until", expression(node.until))
        case Jump():
            return words("jmp", node.label)
        case Label():
            return words("label", node.name)
        case Try():
            code = expression(node.code) if node.code else "_"
            return words("try", block(node.body), words("catch", code, block(node.catch)), block(node.finally_))
        case Exit() | Continue() | Return():
            return words(type(node).__name__.lower())


def case_branch(branch: CaseBranch) -> str:
    labels = [
        f"{expression(label.low)}..{expression(label.high)}" if isinstance(label, Range) else expression(label)
        for label in branch.labels
    ]
    return words(",".join(labels) + ":", block(branch.body))


def expression(node: Expr) -> str:
    match node:
        case Name() | DirectAddress():
            return node.text
        case GlobalName():
            return f".{node.text}"
        case Literal():
            return literal(node)
        case This():
            return "THIS"
        case Super():
            return "SUPER"
        case Unary():
            return words(node.operator, expression(node.operand))
        case Binary():
            return words(node.operator, expression(node.left), expression(node.right))
        case Assignment():
            return words(node.assigning.value, expression(node.target), expression(node.value))
        case _:
            return compound(node)


def compound(node: Member | BitOf | Index | Deref | Call | ArrayInit | StructInit) -> str:
    match node:
        case Member():
            return f"{expression(node.base)}.{node.name}"
        case BitOf():
            return f"{expression(node.base)}.{node.bit}"
        case Index():
            return f"{expression(node.base)}[{', '.join(map(expression, node.indices))}]"
        case Deref():
            return f"{expression(node.base)}^"
        case Call():
            return words("call", expression(node.callee), *map(argument, node.arguments))
        case ArrayInit():
            return f"[{' '.join(array_item(*item) for item in node.items)}]"
        case StructInit():
            return "{" + " ".join(f"{name}={expression(value)}" for _, name, value in node.fields) + "}"


def array_item(repeated: Expr | None, value: Expr | None) -> str:
    text = expression(value) if value else "default"
    return f"{expression(repeated)}x{text}" if repeated else text


def literal(node: Literal) -> str:
    short = {LiteralKind.INTEGER: "", LiteralKind.REAL: "", LiteralKind.BOOL: "", LiteralKind.STRING: ""}
    kind = node.prefix or short.get(node.kind, node.kind.value)
    return f"{kind}#{node.value!r}" if kind else repr(node.value)


def argument(node: Argument) -> str:
    value = expression(node.value) if node.value else "_"
    if node.passing is Passing.POSITION:
        return value
    return f"{'NOT ' if node.negated else ''}{node.name}{node.passing.value}{value}"


def type_expr(node: TypeExpr) -> str:
    match node:
        case NamedType():
            return ".".join(node.parts)
        case TextType():
            name = "WSTRING" if node.wide else "STRING"
            return f"{name}({expression(node.length)})" if node.length else name
        case ArrayOf():
            ranges = [f"{expression(pair[0])}..{expression(pair[1])}" if pair else "*" for pair in node.ranges]
            return f"ARRAY[{','.join(ranges)}] OF {type_expr(node.element)}"
        case PointerTo():
            return f"{'REFERENCE' if node.is_reference else 'POINTER'} TO {type_expr(node.target)}"
        case Subrange():
            return f"{type_expr(node.base)}({expression(node.low)}..{expression(node.high)})"
        case EnumOf():
            members = [f"{m.name}={expression(m.value)}" if m.value else m.name for m in node.members]
            base = f" {type_expr(node.base)}" if node.base else ""
            return f"({', '.join(members)}){base}"


def variable(node: VariableDecl) -> str:
    text = f"{node.name}: {type_expr(node.type)}"
    if node.location:
        text = f"{node.name}@{node.location}: {type_expr(node.type)}"
    if node.arguments is not None:
        text += words(*map(argument, node.arguments))
    if node.element_arguments is not None:
        text += "[" + " ".join(words(*map(argument, each)) for each in node.element_arguments) + "]"
    return f"{text} := {expression(node.initial)}" if node.initial else text


def var_block(node: VarBlock) -> str:
    flags = [name for name in ("constant", "retain", "persistent") if getattr(node, name)]
    return words(" ".join([node.kind.value, *flags]), "; ".join(map(variable, node.variables)))


def type_decl(node: TypeDecl) -> str:
    kind = node.definition
    if isinstance(kind, StructDef):
        base = f"< {type_expr(kind.extends)}" if kind.extends else ""
        shape = words("union" if kind.is_union else "struct", base, "; ".join(map(variable, kind.members)))
    else:
        shape = type_expr(kind)
    return words("type", node.name, shape, f":= {expression(node.initial)}" if node.initial else "")


def flags_of(node: Pou | Property) -> str:
    access = "" if node.access is Access.PUBLIC else node.access.value
    return " ".join(part for part in (access, "ABSTRACT" * node.abstract, "FINAL" * node.final) if part)


def pou(node: Pou) -> str:
    return words(
        node.kind.value,
        flags_of(node),
        node.name,
        f": {type_expr(node.returns)}" if node.returns else "",
        f"< {', '.join(map(type_expr, node.extends))}" if node.extends else "",
        f"implements {', '.join(map(type_expr, node.implements))}" if node.implements else "",
        *map(var_block, node.blocks),
        *map(pou, node.methods),
        *map(property_, node.properties),
        *map(pou, node.actions),
        block(node.body) if node.has_body else "bare",
    )


def property_(node: Property) -> str:
    accessors = [pou(accessor) for accessor in (node.getter, node.setter) if accessor]
    return words("PROPERTY", flags_of(node), node.name, ":", type_expr(node.type), *accessors)


def global_list(node: GlobalList) -> str:
    return words("globals", node.name, *map(var_block, node.blocks))


def unit(node: Unit) -> list[str]:
    """Every declaration of a unit: types, global lists, program organisation units."""
    return [*map(type_decl, node.types), *map(global_list, node.globals), *map(pou, node.pous)]


def declared(text: str, **defines: str) -> list[str]:
    """The declarations of a faultless text."""
    return unit(unit_of(text, **defines))
