"""A policy pack over releases; policies.py has the policies. See README.md."""

from __future__ import annotations

from pulumi_policy import EnforcementLevel, PolicyPack

from policies import POLICIES

PolicyPack("codeartifact-release", POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
