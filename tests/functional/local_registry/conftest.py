"""A registry with a domain and two repositories, and a client for it."""

from __future__ import annotations

from support.command_line import run
from support.server import client, empty, folder, model, server

__all__ = ["client", "empty", "folder", "model", "run", "server"]
