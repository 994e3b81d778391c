"""From what was given to one value: read every key, collect findings, make the value if there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

from calsync.settings.findings import Finding, SettingsError
from calsync.settings.given import (
    ENVIRONMENT,
    Given,
    Key,
    given_in_environment,
    given_in_table,
    read_toml,
    shortened,
    stands_there,
    trouble,
    variable_of,
)
from calsync.settings.sections import ENVIRONMENT_NAME, SECTIONS, Settings
from calsync.settings.together import broken_rules, with_derived
from calsync.settings.values import PASSWORD_IN_URL, Reader, Secret, SecretReader, read_needed_path


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read ``path`` (None: the defaults) and what ``environ`` sets beside it.

    Relative paths are relative to the file, without one to the working directory.

    Raises:
        SettingsError: with every problem there is, not only the first.
    """
    table = {} if path is None else read_toml(path)
    file = ENVIRONMENT if path is None else str(path)
    folder = Path.cwd() if path is None else path.absolute().parent
    in_file = dict(given_in_table(table, file=file))
    in_environment = dict(given_in_environment(environ, sections=SECTIONS))
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    reading = _Reading(given=in_file | in_environment, file=file, folder=folder, credentials=credentials)
    return reading.settings(path)


class _Reading:
    """One pass over everything given."""

    def __init__(self, *, given: Mapping[Key, Given], file: str, folder: Path, credentials: str | None) -> None:
        self._given = given
        self._file = file
        self._folder = folder
        self._credentials = credentials
        self._unread = dict(given)
        self._values: dict[Key, Any] = {}
        self._findings: list[Finding] = []

    def settings(self, path: Path | None) -> Settings:
        places = {place: kind for name, kind in SECTIONS.items() for place in self._places(name)}
        for place, kind in places.items():
            self._read_section(place, kind)
        self._report_unknown()
        for key, expected in broken_rules(self._values):
            given = self._given.get(key, Given("", self._file, ".".join(key)))
            self._findings.append(given.finding(expected, found="" if given.value else "nothing"))
        if self._findings:
            raise SettingsError(self._findings)
        return self._made(places, path)

    def _made(self, places: Mapping[Key, type[Any]], path: Path | None) -> Settings:
        values = with_derived(self._values, self._folder)
        made = {
            place: kind(**{key[-1]: value for key, value in values.items() if key[:-1] == place})
            for place, kind in places.items()
        }
        offices = {place[1]: value for place, value in made.items() if place[0] == "superoffice"}
        others = {place[0]: value for place, value in made.items() if place[0] != "superoffice"}
        return Settings(file=path, superoffice=MappingProxyType(offices), **others)

    def _places(self, name: str) -> list[Key]:
        """Where a section stands: always once, but Microsoft only if given and SuperOffice once an environment."""
        keys = [key for key in self._given if key[0] == name]
        match name:
            case "superoffice":
                return [(name, each) for each in sorted({key[1] for key in keys if self._is_environment(key)})]
            case "microsoft":
                return [(name,)] if keys else []
            case _:
                return [(name,)]

    def _is_environment(self, key: Key) -> bool:
        is_table = len(key) > 2 or (len(key) == 2 and self._given[key].value == {})  # noqa: PLR2004  # depth
        return is_table and ENVIRONMENT_NAME.fullmatch(key[1]) is not None

    def _read_section(self, place: Key, kind: type[Any]) -> None:
        if place in self._unread and self._unread[place].value == {}:
            del self._unread[place]
        hints = get_type_hints(kind, include_extras=True)
        for each in fields(kind):
            key = (*place, each.name)
            needed = each.default is MISSING
            if not needed:
                self._values[key] = each.default
            how: Reader | SecretReader = hints[each.name].__metadata__[0]
            match how:
                case SecretReader(made_later=made_later):
                    self._read_secret(key, needed=needed, made_later=made_later)
                case Reader() as reader:
                    self._read_value(key, reader, needed=needed)

    def _read_value(self, key: Key, reader: Reader, *, needed: bool) -> None:
        given = self._unread.pop(key, None)
        if given is None:
            if needed:
                self._report_missing(key, reader.expected)
        elif PASSWORD_IN_URL.match(str(given.value)):
            self._findings.append(given.finding("an address without a password", found="a password (hidden)"))
        else:
            try:
                value = reader.read(given.value)
            except (ValueError, TypeError, KeyError):
                self._findings.append(given.finding(reader.expected))
            else:
                self._values[key] = self._folder / value if isinstance(value, Path) else value

    def _read_secret(self, key: Key, *, needed: bool, made_later: bool) -> None:
        """Environment, systemd credential, file: the first of the three that is there."""
        by_file = (*key[:-1], f"{key[-1]}_file")
        text, named = self._unread.pop(key, None), self._given.get(by_file)
        self._unread.pop(by_file, None)
        credential = Path(self._credentials, ".".join(key)) if self._credentials else None
        if text is not None and text.file != ENVIRONMENT:
            expected = f"{by_file[-1]} instead, as a secret never stands in this file"
            self._report_secret(key, text, expected, "a secret (hidden)")
        elif text is not None:
            self._keep_secret(key, str(text.value), text)
        elif credential is not None and stands_there(credential):
            self._read_secret_file(key, credential, Given(None, "systemd credential", ".".join(key)))
        elif named is not None and named.value:
            self._read_named_file(key, named, made_later=made_later)
        elif made_later and stands_there(self._values[by_file]):
            self._read_secret_file(key, self._values[by_file], Given(None, self._file, ".".join(by_file)))
        elif needed:
            other_ways = f"the credential {'.'.join(key)} or {variable_of(key)}"
            self._report_missing(by_file, f"a file that holds the secret (or {other_ways})")

    def _read_named_file(self, key: Key, named: Given, *, made_later: bool) -> None:
        try:
            path = self._folder / read_needed_path(named.value)
        except (ValueError, TypeError):
            self._report_secret(key, named, "a path", "")
            return
        if not made_later or stands_there(path):
            self._read_secret_file(key, path, named)

    def _read_secret_file(self, key: Key, path: Path, given: Given) -> None:
        shown = shortened(repr(str(path)))
        try:
            self._keep_secret(key, path.read_text(encoding="utf-8"), given)
        except OSError as error:
            self._report_secret(key, given, "a readable file", f"{shown} ({trouble(error)})")
        except UnicodeDecodeError:
            self._report_secret(key, given, "a file of text", f"{shown} (not UTF-8)")

    def _keep_secret(self, key: Key, text: str, given: Given) -> None:
        if text.strip():
            self._values[key] = Secret(text.strip())
        else:
            self._report_secret(key, given, "a secret that is not empty", "an empty text")

    def _report_secret(self, key: Key, given: Given, expected: str, found: str) -> None:
        self._values[key] = Secret("unusable")  # it was given, so no rule reports it as absent as well
        self._findings.append(given.finding(expected, found=found))

    def _report_missing(self, key: Key, expected: str) -> None:
        self._findings.append(Finding(file=self._file, key=".".join(key), found="nothing", expected=expected))

    def _report_unknown(self) -> None:
        for key, given in self._unread.items():
            expected = "a key that exists" if key[0] in SECTIONS else f"a section: {', '.join(SECTIONS)}"
            if given.file == ENVIRONMENT and len(key) == 1:
                expected = f"two underscores after the section, such as {variable_of(('server', 'listen'))}"
            self._findings.append(given.finding(expected, found="an unknown key"))
