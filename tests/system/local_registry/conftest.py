"""A registry with a domain and two repositories, and a client for it."""

from __future__ import annotations

from support.server import client, empty, folder, server

__all__ = ["client", "empty", "folder", "server"]
