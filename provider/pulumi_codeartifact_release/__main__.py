"""Runs the native provider where Pulumi starts it as a Python package, as provider/PulumiPlugin.yaml says."""

from __future__ import annotations

from .native.main import main

if __name__ == "__main__":
    main()
