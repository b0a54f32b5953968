"""Cores taken out of the scheduler: facts in, Findings and a ChangePlan out. Pure; `host` applies."""
