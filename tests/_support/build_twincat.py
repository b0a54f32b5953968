"""TwinCAT projects on the disk, made of named parts."""

from __future__ import annotations

from pathlib import Path

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"


def tc_object(element: str, name: str, declaration: str, body: str | None = None, parts: str = "") -> str:
    """A .TcPOU, .TcGVL, .TcDUT or .TcIO; parts: the XML of methods and the like."""
    implementation = "" if body is None else f"<Implementation>\n      <ST>{cdata(body)}</ST>\n    </Implementation>"
    return (
        f'{HEAD}<TcPlcObject Version="1.1.0.1">\n  <{element} Name="{name}" Id="{{1}}">\n'
        f"    <Declaration>{cdata(declaration)}</Declaration>\n    {implementation}\n    {parts}\n"
        f"  </{element}>\n</TcPlcObject>"
    )


def member(element: str, name: str, declaration: str | None = None, body: str | None = None, inside: str = "") -> str:
    """A Method, Action, Property, Get or Set."""
    head = "" if declaration is None else f"<Declaration>{cdata(declaration)}</Declaration>"
    tail = "" if body is None else f"<Implementation><ST>{cdata(body)}</ST></Implementation>"
    return f'<{element} Name="{name}" Id="{{2}}">{head}{tail}{inside}</{element}>'


def tc_task(name: str, cycle_us: int, priority: int, *programs: str) -> str:
    calls = "".join(f"<PouCall><Name>{program}</Name></PouCall>" for program in programs)
    return (
        f'{HEAD}<TcPlcObject Version="1.1.0.1"><Task Name="{name}" Id="{{3}}"><!--us-->'
        f"<CycleTime>{cycle_us}</CycleTime><Priority>{priority}</Priority>{calls}</Task></TcPlcObject>"
    )


def plcproj(name: str, compiled: list[str], libraries: tuple[str, ...] = (), more: str = "") -> str:
    """compiled: paths as MSBuild writes them; one that begins with ! is left out of the build."""
    items = "".join(
        f'    <Compile Include="{path.lstrip("!")}"><SubType>Code</SubType>'
        f"<ExcludeFromBuild>{str(path.startswith('!')).lower()}</ExcludeFromBuild></Compile>\n"
        for path in compiled
    )
    references = "".join(f'    <PlaceholderReference Include="{library}" />\n' for library in libraries)
    return (
        f'{HEAD}<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">\n'
        f"  <PropertyGroup><Name>{name}</Name>{more}</PropertyGroup>\n"
        f"  <ItemGroup>\n{items}{references}  </ItemGroup>\n</Project>"
    )


def write(root: Path, files: dict[str, str]) -> Path:
    """Files below a folder, as a Windows machine writes them: with a byte order mark and CR LF."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    return root
