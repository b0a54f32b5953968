"""`[[ads.rule]]`: one rule of the policy.

[[ads.rule]]
name = "office"
from = { networks = ["192.168.5.0/24"] }
allow = ["state", "browse", "read"]          # or preset = "read-only"; or deny = ["write"], deny = true
ports = ["851"]
symbols = ["MAIN.*"]
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from dinrail.ads.contract import Action
from dinrail.ads.policy.presets import Preset, preset_rules
from dinrail.ads.policy.rule import Effect, Rule, SourceMatch
from dinrail.ads.section_words import (
    ActionWord,
    GroupsText,
    IdentityText,
    Name,
    NetIdText,
    NetworkText,
    PortsText,
    PresetWord,
    ViaWord,
)
from dinrail.section import Section, Text, fault

Symbol = Annotated[Text, StringConstraints(min_length=1, max_length=255)]


def _all_for_true(value: object) -> object:
    return [action.value for action in Action] if value is True else value


Denied = Annotated[
    list[ActionWord],
    BeforeValidator(_all_for_true),
    WithJsonSchema({"anyOf": [{"const": True}, {"type": "array", "items": {"enum": [a.value for a in Action]}}]}),
]


class FromSection(Section):
    """Whom a rule is about; what is left out fits everyone."""

    via: list[ViaWord] = Field(default_factory=list)
    listeners: list[Text] = Field(default_factory=list)
    networks: list[NetworkText] = Field(default_factory=list)
    guests: list[Text] = Field(default_factory=list)
    identities: list[IdentityText] = Field(default_factory=list)
    net_ids: list[NetIdText] = Field(default_factory=list)

    def value(self) -> SourceMatch:
        return SourceMatch(
            frozenset(self.via),
            tuple(self.listeners),
            tuple(self.networks),
            tuple(self.guests),
            tuple(self.identities),
            tuple(self.net_ids),
        )


class RuleSection(Section):
    """One rule; the first that matches decides."""

    name: Name | None = None
    source: FromSection = Field(default_factory=FromSection, alias="from")
    preset: PresetWord | None = None
    allow: list[ActionWord] | None = None
    deny: Denied | None = None
    targets: list[NetIdText] = Field(default_factory=list)
    ports: list[PortsText] = Field(default_factory=list)
    groups: list[GroupsText] = Field(default_factory=list)
    symbols: list[Symbol] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_effect(self) -> RuleSection:
        given = [word for word in ("preset", "allow", "deny") if getattr(self, word) is not None]
        if len(given) != 1:
            said = " and ".join(f"`{word}`" for word in given) or "none of them"
            raise fault(f"a rule has one of `preset`, `allow` and `deny`, this has {said}", 'like `allow = ["read"]`')
        if [] in (self.allow, self.deny):
            raise fault("this rule is about no action at all", "name some, or remove the rule")
        if self.preset and (self.ports or self.groups or self.symbols):
            raise fault("a preset says itself which ports and symbols it is about", 'use `allow = ["read"]` instead')
        if self.preset is Preset.NOTHING:
            raise fault("a preset of nothing is no rule", "`deny = true` refuses everything")
        return self

    def values(self, number: int) -> tuple[Rule, ...]:
        """The rule as a value. `number`: its place in the document, which names it when nothing else does."""
        name = self.name or f"rule {number}"
        if self.preset is not None:
            return preset_rules(name, self.preset, self.source.value(), tuple(self.targets))
        denies = self.deny is not None
        return (
            Rule(
                name,
                Effect.DENY if denies else Effect.ALLOW,
                self.source.value(),
                tuple(self.targets),
                tuple(self.ports),
                frozenset(self.deny or self.allow or ()),
                tuple(self.groups),
                tuple(self.symbols),
            ),
        )
