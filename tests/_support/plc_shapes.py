"""Interfaces, an abstract function block and one that extends it, for tests of declarations."""

from __future__ import annotations

SHAPES = """
        INTERFACE I_Shape
            METHOD Area : LREAL
            END_METHOD
            PROPERTY Name : STRING
                GET
                END_GET
            END_PROPERTY
        END_INTERFACE
        INTERFACE I_Solid EXTENDS I_Shape
            METHOD Volume : LREAL
            END_METHOD
        END_INTERFACE
        FUNCTION_BLOCK ABSTRACT FB_Shape IMPLEMENTS I_Shape
            METHOD ABSTRACT Area : LREAL
            END_METHOD
            METHOD Twice : LREAL
                Twice := 2 * Area();
            END_METHOD
            PROPERTY Name : STRING
                GET
                    Name := 'shape';
                END_GET
                SET
                END_SET
            END_PROPERTY
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_Cube EXTENDS FB_Shape IMPLEMENTS I_Solid
            METHOD Area : LREAL
                Area := 6;
            END_METHOD
            METHOD Volume : LREAL
                Volume := 1;
            END_METHOD
            PROPERTY Name : STRING
                GET
                    Name := 'cube';
                END_GET
            END_PROPERTY
        END_FUNCTION_BLOCK
"""
