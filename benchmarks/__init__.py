"""Measures the publisher, compared with scripts that a user would write instead: `make bench`.

Layers: `server` and `baselines` are programs of their own -> `measure` and `watch` observe processes -> `stand` is what
a case works in -> `cases` has one module per subject -> `results` keeps what was measured, `report` writes the page.
"""
