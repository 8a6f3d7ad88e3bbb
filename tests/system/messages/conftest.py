"""The command line in this process."""

from __future__ import annotations

from support.command_line import project, run

__all__ = ["project", "run"]
