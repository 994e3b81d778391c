"""What was given, key by key, from the file and the environment, before anything is made of it."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from calsync.settings.findings import Finding, SettingsError

PREFIX: Final = "CALSYNC_"
ENVIRONMENT: Final = "environment"
SHOWN_MAX: Final = 80
Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given, and where: the file and the key, or the environment and the variable."""

    value: object
    file: str
    name: str

    def finding(self, expected: str, *, found: str = "") -> Finding:
        shown = found or shortened(repr(self.value))
        return Finding(file=self.file, key=self.name, found=shown, expected=expected)


def shortened(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 3]}..."


def trouble(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def stands_there(path: Path) -> bool:
    """True also where we may not look: whoever reads the file then says why it cannot be read."""
    try:
        return path.exists()
    except OSError:
        return True


def variable_of(key: Key) -> str:
    return PREFIX + "__".join(key).upper()


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unusable(path, trouble(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise unusable(path, str(error)) from error


def unusable(path: Path, found: str) -> SettingsError:
    return SettingsError([Finding(file=str(path), key="", found=found, expected="a TOML file in UTF-8")])


def given_in_table(table: Mapping[str, Any], *, file: str, under: Key = ()) -> Iterator[tuple[Key, Given]]:
    """The leaves of the file; an empty table is a leaf too, so that an empty section is not overlooked."""
    for name, value in table.items():
        key = (*under, name)
        if isinstance(value, dict) and value:
            yield from given_in_table(value, file=file, under=key)
        else:
            yield key, Given(value, file, ".".join(key))


def given_in_environment(environ: Mapping[str, str], *, sections: Collection[str]) -> Iterator[tuple[Key, Given]]:
    """``CALSYNC_SERVER__LISTEN``; also ``CALSYNC_SERVER_LISTEN``, a slip that is reported as an unknown key.

    Other variables that begin with ``CALSYNC_`` are no settings.
    """
    for name, value in sorted(environ.items()):
        key = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if name.startswith(PREFIX) and (len(key) > 1 or key[0].split("_")[0] in sections):
            yield key, Given(value, ENVIRONMENT, name)
