"""The fixtures of this folder are those of the commands."""

from __future__ import annotations

from tests.cli.fixtures import bare, duo, program

__all__ = ["bare", "duo", "program"]
