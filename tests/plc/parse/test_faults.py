"""What is said about texts that are wrong: one message for one fault, at its place, with what to write instead.

A case is a text, and behind each => a message; behind the | its hint.
"""

from __future__ import annotations

import pytest
from plc_sexpr import faults

STATEMENTS = """
a = 1;
=> 2:3 syntax: `=` compares and changes nothing
   | write := to assign

a := 1
b := 2;
=> 2:7 syntax: `;` is missing at the end of this statement

a := 1 b := 2;
=> 2:8 syntax: `b` does not belong here
   | an operator, or the `;` of the statement before it, is missing

a := ;
=> 2:6 syntax: a value is missing before `;`

a := (1 + 2;
=> 2:12 syntax: `)` is missing before `;`

a := 1 + ;
b := 2;
=> 2:10 syntax: a value is missing before `;`

f(a, ;
b := 2;
=> 2:6 syntax: a value is missing before `;`

f(a b);
=> 2:5 syntax: `,` or `)` is missing before `b`

x[1;
=> 2:4 syntax: `]` is missing before `;`

IF a
 b := 1;
END_IF
=> 2:5 syntax: THEN is missing at the end of this IF

IF a := 1 THEN b(); END_IF
=> 2:6 syntax: `:=` assigns, and a value is wanted here
   | write = to compare

IF a THEN
 b := 1;
=> 4:1 syntax: END_IF is missing before `END_PROGRAM`: the IF of line 2 is open

IF THEN b(); END_IF
=> 2:4 syntax: a value is missing before `THEN`

IF a THEN b(); ENDIF
=> 2:16 syntax: `ENDIF` is no keyword
   | write END_IF

IF a THEN b(); END IF
=> 2:16 syntax: `END IF` is no keyword
   | write END_IF

IF a THEN b(); ELSEIF c THEN d(); END_IF
=> 2:16 syntax: `ELSEIF` is no keyword
   | write ELSIF

IF a THEN b();
ELSE IF c THEN d();
END_IF
=> 5:1 syntax: END_IF is missing before `END_PROGRAM`: the IF of line 2 is open
   | ELSE IF opens a second IF with an END_IF of its own; ELSIF does not

IF a THEN ELSE b(); ELSE c(); END_IF
=> 2:21 syntax: `ELSE` without its IF

END_IF
=> 2:1 syntax: `END_IF` without its IF

ELSE a();
=> 2:1 syntax: `ELSE` without its IF

FOR i = 0 TO 5 DO END_FOR
=> 2:7 syntax: `=` compares, and FOR assigns
   | write := behind the variable of a FOR

FOR i := 0 TO 5
 a();
END_FOR
=> 2:16 syntax: DO is missing at the end of this FOR

FOR i := 0 DO a(); END_FOR
=> 2:12 syntax: TO is missing before `DO`

FOR i := 0 TO 5 DO
 a();
END_WHILE
=> 4:1 syntax: `END_WHILE` does not end the FOR of line 2
   | write END_FOR

WHILE a b(); END_WHILE
=> 2:9 syntax: DO or an operator is missing before `b`

REPEAT a(); END_REPEAT
=> 2:13 syntax: UNTIL is missing before `END_REPEAT`: the REPEAT of line 2 is open

WHILE a DO
FOR i := 0 TO 5 DO
b();
END_WHILE
=> 5:1 syntax: END_FOR is missing before `END_WHILE`: the FOR of line 3 is open

CASE n OF
 a();
END_CASE
=> 3:5 syntax: `:` is missing before `;`
   | a label ends with `:`

CASE n OF
1: a();
=> 4:1 syntax: END_CASE is missing before `END_PROGRAM`: the CASE of line 2 is open

CASE n
1: a(); END_CASE
=> 2:7 syntax: OF is missing at the end of this CASE

CASE n OF
1 a();
2: b(); END_CASE
=> 3:3 syntax: `:` is missing before `a`
   | a label ends with `:`

RETURN 5;
=> 2:8 syntax: RETURN takes no value
   | assign the result to the function's own name, then RETURN;

BREAK;
=> 2:1 syntax: `BREAK` is no keyword
   | write EXIT

a.;
=> 2:3 syntax: a member's name is missing before `;`

a.5x := 1;
=> 2:3 syntax: a member's name is missing before `5x`

a := 1;
VAR x : INT; END_VAR
=> 3:1 syntax: `VAR` stands behind the first statement
   | all declarations of a unit come before its code

a + b;
=> 2:3 syntax: `+` does not belong here

fb() => x;
=> 2:6 syntax: `=>` does not belong here
   | an output is taken inside a call's brackets

x := y := ;
=> 2:11 syntax: a value is missing before `;`

x : = 5;
=> 2:5 syntax: `=` does not belong here

if := 1;
=> 2:1 syntax: `if` is a keyword, and no name
   | choose another name

x := [1,2];
=> 2:6 syntax: a value is missing before `[`

'a';
=> 2:1 syntax: a statement does not begin with a string
"""

VARIABLES = """
a INT;
=> 3:3 syntax: `:` is missing before `INT`

a : INT
b : INT;
=> 3:8 syntax: `;` is missing at the end of this declaration

a : INT = 5;
=> 3:9 syntax: `=` compares, and a declaration assigns
   | write := before the initial value

a := 5;
=> 3:3 syntax: `:` is missing before `:=`
   | a variable is declared `name : TYPE := value;`

a : ;
=> 3:5 syntax: a type is missing before `;`

5a : INT;
=> 3:1 syntax: a variable's name is missing before `5a`

a : ARRAY[1..2] INT;
=> 3:17 syntax: OF is missing before `INT`

a : ARRAY[1] OF INT;
=> 3:12 syntax: `..` is missing before `]`
   | a range is written low..high

a : ARRAY[1..2 OF INT;
=> 3:16 syntax: `,` or `]` is missing before `OF`
   | a range is written low..high

if : INT;
=> 3:1 syntax: `if` is a keyword, and no name
   | choose another name

a AT : INT;
=> 3:6 syntax: an address is missing before `:`
   | as in AT %I*, AT %QX0.1 or AT %MW4

a : STRING(5;
=> 3:13 syntax: `)` is missing before `;`

a : STRUCT x : INT; END_STRUCT;
=> 3:5 syntax: a STRUCT needs a name of its own
   | declare it with TYPE name : STRUCT ... END_TYPE

a : INT := ;
=> 3:12 syntax: a value is missing before `;`

a : ST := (x := 1, );
=> 3:20 syntax: a field's name is missing before `)`

a : INT := 1, 2;
=> 3:13 syntax: `;` is missing before `,`
"""

UNITS = """
PROGRAM P
VAR a : INT;
a := 1;
b();
END_PROGRAM
=> 3:1 syntax: END_VAR is missing before `a`: the VAR of line 2 is open

PROGRAM P
a := 1;
PROGRAM Q
END_PROGRAM
=> 3:1 syntax: END_PROGRAM is missing before `PROGRAM`: PROGRAM P began in line 1

PROGRAM
END_PROGRAM
=> 2:1 syntax: the name of this PROGRAM is missing before `END_PROGRAM`

FUNCTION F INT
END_FUNCTION
=> 1:12 syntax: `:` is missing before `INT`
   | a result's type stands behind it

FUNCTION F : INT := 5
END_FUNCTION
=> 1:18 syntax: a result has no initial value here
   | assign it first thing in the body

END_PROGRAM
=> 1:1 syntax: `END_PROGRAM` ends nothing

METHOD m END_METHOD
=> 1:1 syntax: this METHOD belongs to nothing
   | it stands in its FUNCTION_BLOCK or PROGRAM, or right behind

VAR a : INT; END_VAR
=> 1:1 syntax: `VAR` stands outside of any declaration
   | the line `PROGRAM name`, or its like, is missing above

CONFIGURATION c TASK t(INTERVAL := T#1ms); END_CONFIGURATION PROGRAM P END_PROGRAM
=> 1:1 unsupported: `CONFIGURATION` is not supported
   | tasks are declared in project.toml, and global variables in VAR_GLOBAL

TYPE T INT; END_TYPE
=> 1:8 syntax: `:` is missing before `INT`
   | a type is declared TYPE name : ... END_TYPE

TYPE T : STRUCT a : INT; END_TYPE PROGRAM P END_PROGRAM
=> 1:26 syntax: END_STRUCT is missing before `END_TYPE`: the STRUCT of line 1 is open

TYPE E : (a b); END_TYPE
=> 1:13 syntax: `,` or `)` is missing before `b`

TYPE E : (a,); END_TYPE
=> 1:13 syntax: a member's name is missing before `)`

FUNCTION_BLOCK FB
METHOD m
x := 1;
END_FUNCTION_BLOCK
=> 4:1 syntax: END_METHOD is missing before `END_FUNCTION_BLOCK`: METHOD m began in line 2

FUNCTION_BLOCK FB PROPERTY P END_PROPERTY END_FUNCTION_BLOCK
=> 1:30 syntax: `:` is missing before `END_PROPERTY`
   | a property is declared PROPERTY name : TYPE

FUNCTION_BLOCK FB EXTENDS END_FUNCTION_BLOCK
=> 1:27 syntax: a type is missing before `END_FUNCTION_BLOCK`

PROGRAM P
VAR a : INT;
END_PROGRAM
=> 3:1 syntax: END_VAR is missing before `END_PROGRAM`: the VAR of line 2 is open

garbage in here
PROGRAM P END_PROGRAM
=> 1:1 syntax: `garbage` stands outside of any declaration
   | code and its variables stand in a PROGRAM, FUNCTION or FUNCTION_BLOCK

FUNCTION_BLOCK FB
END_FUNCTION
PROGRAM P END_PROGRAM
=> 2:1 syntax: END_FUNCTION_BLOCK is missing before `END_FUNCTION`: FUNCTION_BLOCK FB began in line 1

PROGRAM P
IF a THEN
FOR i := 1 TO 2 DO
END_PROGRAM
=> 4:1 syntax: END_FOR is missing before `END_PROGRAM`: the FOR of line 3 is open
=> 4:1 syntax: END_IF is missing before `END_PROGRAM`: the IF of line 2 is open

{IF defined(a)}
PROGRAM P END_PROGRAM
=> 1:1 pragma: this {IF} has no {END_IF}

{END_IF}
=> 1:1 pragma: {END_IF} without its {IF}

{IF a b}{END_IF}
=> 1:1 pragma: `a` cannot be asked here
   | defined (NAME) and hasvalue (NAME, 'x') can be asked

VAR_GLOBAL a : INT END_VAR
=> 1:19 syntax: `;` is missing at the end of this declaration
"""


def split(table: str) -> list[str]:
    return table.strip("\n").split("\n\n")


def check(case: str, before: str = "", behind: str = "") -> None:
    text, *wanted = case.split("\n=> ")
    assert faults(f"{before}{text}{behind}") == [message.replace("\n   | ", " | ") for message in wanted]


@pytest.mark.parametrize("case", split(STATEMENTS))
def test_a_faulty_statement_is_told_once(case: str) -> None:
    """In the body of a program, from line 2."""
    check(case, "PROGRAM P\n", "\nEND_PROGRAM\n")


@pytest.mark.parametrize("case", split(VARIABLES))
def test_a_faulty_declaration_is_told_once(case: str) -> None:
    """Between VAR and END_VAR, from line 3."""
    check(case, "PROGRAM P\nVAR\n", "\nEND_VAR\nEND_PROGRAM\n")


@pytest.mark.parametrize("case", split(UNITS))
def test_a_faulty_unit_is_told_once(case: str) -> None:
    """As a text of its own."""
    check(case)


def test_all_faults_are_told_at_once() -> None:
    """Each fault of a text is told, wherever it stands, and what is right between them is read."""
    assert faults("""PROGRAM MAIN
VAR
    a : INT
    b : ARRAY[1..2] INT;
END_VAR
a = 5;
IF a == 3 THEN
    b[1] := ;
ENDIF;
c := 1
(* the rest *)
FOR i := 0 TO 5 DO d(;
END_PROGRAM
FUNCTION F : INT
F := 'abc;
G := 5ms;
END_FUNCTION
""") == [
        "7:6 syntax: `==` is not Structured Text | `=` compares, and `:=` assigns",
        "15:6 syntax: this string is not closed on its line | a quote inside a string is written $'",
        "3:12 syntax: `;` is missing at the end of this declaration",
        "4:21 syntax: OF is missing before `INT`",
        "6:3 syntax: `=` compares and changes nothing | write := to assign",
        "8:13 syntax: a value is missing before `;`",
        "9:1 syntax: `ENDIF` is no keyword | write END_IF",
        "10:7 syntax: `;` is missing at the end of this statement",
        "12:22 syntax: a value is missing before `;`",
        "13:1 syntax: END_FOR is missing before `END_PROGRAM`: the FOR of line 12 is open",
        "16:6 literal: `5ms` is no number | a duration is written T#5ms",
    ]


def test_an_unclosed_comment_is_the_only_fault() -> None:
    """What it swallowed is not told to be missing."""
    assert faults("PROGRAM P\nIF a THEN\n(* b\nEND_IF\nEND_PROGRAM\n") == [
        "3:1 syntax: this comment is never closed | close it with *)"
    ]
