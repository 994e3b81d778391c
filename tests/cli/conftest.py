"""The fixtures of this folder stand in a module that the tests of the daemon use as well."""

from __future__ import annotations

from tests.cli.fixtures import bare, duo, program
from tests.cli.office import office

__all__ = ["bare", "duo", "office", "program"]
