"""The command line in this process."""

from __future__ import annotations

from support.command_line import gate, project, run

__all__ = ["gate", "project", "run"]
