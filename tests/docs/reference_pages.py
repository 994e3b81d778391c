"""The pages about commands and settings, printed from the program: ``python -m tests.docs.reference_pages``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import MISSING, fields
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, get_type_hints

import click

from calsync.cli.main import COMMANDS
from calsync.settings.sections import SECTIONS
from calsync.settings.values import Reader, SecretReader
from calsync.web.failures import EXIT_CODES

REFERENCE: Final = Path(__file__).parents[2] / "docs" / "reference"
COMMANDS_PAGE: Final = REFERENCE / "cli.md"
SETTINGS_PAGE: Final = REFERENCE / "settings.md"
_SHARED: Final = frozenset({"config", "json", "seed", "verbose"})

_TOP: Final = """\
# Commands

Every command takes these options, before or after its name:

| option | meaning |
|---|---|
| `--config FILE` | The settings; default: `CALSYNC_CONFIG`, else `calsync.toml` here, else `/etc/calsync/calsync.toml`. |
| `--json` | The result as JSON, alone on standard output. Logs and progress go to standard error. |
| `--seed TEXT` | Fixes jitter and ids. For tests. |
| `--verbose` | Logs what happens, on standard error. |

An error is `{"error": {"code", "message", "hint"}}`; `findings` stands beside them where there are several problems.
`--from-file -` reads standard input.
Times are RFC 3339 in UTC.

One process works on a store at a time.
While `calsync serve` runs, commands that change something go through it, by the Unix socket `<store>.sock`; commands
that look open the file for reading.

## Exit codes

| code | meaning |
|---|---|
"""  # noqa: E501  # a row of a table is one line

_FILES: Final = """\
## Files that commands read

`tenant add`: a SuperOffice customer. Without `serial` the serial number of the first good token is taken and pinned.

```json
{"environment": "sod", "custid": "Cust12345", "serial": "1234567890", "system_user_token": "..."}
```

`connect`: an account. `tenant` is `local` where there is no SuperOffice; then there is no `associate_id`.
Connecting the same account again replaces the password; at the same server another account is refused.
After three failed sign-ins within a day the next try has to wait, so that the account is not locked: also where the
account is not connected yet.

```json
{"tenant": "Cust12345", "associate_id": 7, "kind": "caldav", "url": "https://dav.example.com/", "username": "kari", "password": "..."}
```

`pair add`: a diary and a calendar, or two calendars with `"crm": {"connection": "...", "calendar": "..."}` in place of
`associate_id`. A diary is paired with a calendar of its own user's connection only. `pair set` reads `direction` and `policy`; keys that are not there keep their value.

```json
{"tenant": "Cust12345", "associate_id": 7, "connection": "...", "calendar": "https://dav.example.com/kari/work/",
 "direction": "both", "policy": {"wins": {"title": "ask"}, "privacy": "full"}}
```

`direction` is `both`, `to-calendar` or `to-crm`. Unknown keys are refused. Every key of `policy` is optional:

| key | values |
|---|---|
| `wins` | for `title`, `when`, `place`, `notes`, `busy`, `reminder` or `*`: `crm`, `calendar` or `ask` |
| `privacy` | `full`, `busy` or `skip-private` |
| `reminders` | `own` (each side keeps its own) or `mapped` |
| `time_zone` | an IANA name; default: the SuperOffice user's, else the tenant's, else UTC |
| `window_past_days`, `window_future_days` | days, up to 36500; default: the settings |
| `attendees` | `none` or `listed` (meetings are not synced in this version) |
| `footer` | `true` or `false` (no footer is written in this version) |
| `relay` | `true` |

## What commands say

| command | value |
|---|---|
| `init` | `{store, key}`; `key` is `created` or `present` |
| `tenant add` | `{tenant, state, url, principal, people, serial, environment, detail}` |
| `people list` | `[{tenant, associate_id, name, email, state}]` |
| `connect` | `{connection, calendars: [{id, name, writable}]}` |
| `pair add --preview` | `{pair, checksum, link, create: {crm, calendar}, unsure, differs, left_alone}` |
| `pair add --apply` | `{pair, checksum, link, create: {crm, calendar}, unsure, run}` |
| `sync --once` | `{pairs: [{pair, reads, writes, conflicts, held, set_aside, state}]}`; `state`: converged, more, action, error |
| `status` | `{version, store, tenants, pairs}` |
| `conflicts list` | `[{id, pair, event, field, base, crm, calendar, won, policy, state, at, by, sentence}]` |
| `held list` | `[{id, pair, side, kind, count, events: [{event, title, start}], state, at, by, sentence}]` |
| `set-aside list` | `[{pair, side, ref, event, reason, detail, since, next_try, sentence}]` |
| `runs` | `[{id, pair, started, ended, state, reads, writes, requests, conflicts, held, set_aside, error}]` |
| `why` | `{event, title, pair, crm: {ref, seen}, calendar: {ref, seen}, reason, explanation, rule, history, next}` |
| `fsck` | `{ok, findings}` |
| `doctor` | `[{check, ok, found, advice}]` |

A pair in `status` has `pair`, `tenant`, `associate_id`, `connection`, `state` (ok, delayed, paused, held, sign_in,
error), `reason`, `last_run`, `last_converged`, `next_run`, `linked`, `dormant`, `set_aside`, `set_aside_reasons`,
`held` and `conflicts_open`. [Reasons](reasons.md) says what each `reason` means.

`pair add --apply CHECKSUM` and `conflicts use` answer with exit code 20 and the values of now, beside `error`, when
something changed meanwhile. With `--apply-any` nothing was previewed, so `checksum` is empty.

`why` takes a link id, an appointment id, a calendar's href, a UID, a pasted link, or a title that just one event has.

In a window that is too narrow for a table each record is a block of its own; where the output goes to a file or another
program, each record is one line.

## How long history is kept

`calsync serve` deletes runs, the steps of `why` and decided conflicts 90 days after they happened, once a day.
Open conflicts, held deletions and what last happened to an event that is still linked stay.

## All commands

"""  # noqa: E501  # a row of a table is one line

_SETTINGS_TOP: Final = """\
# Settings

The file is TOML; [`config/calsync.toml`](../../config/calsync.toml) is an example with comments.
Relative paths are relative to the file.
Unknown keys are refused, and `calsync check-config` shows every problem at once.

Each key can be set in the environment as `CALSYNC_<SECTION>__<KEY>`, which wins over the file.
Variables for proxies are ignored; `[outbound] proxy` counts. `SSL_CERT_FILE` holds for every connection.

A secret never stands in the file. It comes from the first of these that is there: the environment
(`CALSYNC_SUPEROFFICE__SOD__CLIENT_SECRET`), a systemd credential (`superoffice.sod.client_secret`), or the file that
the key with `_file` names.

"""


def commands_page() -> str:
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    return _TOP + codes + "\n" + _FILES + "\n".join(_all_commands())


def _all_commands() -> Iterator[str]:
    for name, (module, attribute) in COMMANDS.items():
        command = getattr(importlib.import_module(f"calsync.cli.{module}"), attribute)
        yield from _command(f"calsync {name}", command)


def _command(name: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from _command(f"{name} {part}", inner)
        return
    shown = [one for one in command.params if one.name not in _SHARED]
    usage = " ".join([name, *(_usage(one) for one in shown)])
    yield f"### `{usage}`\n\n{cleandoc(command.help or '')}\n"
    options = [(one.opts[0], one.help) for one in shown if isinstance(one, click.Option) and one.help]
    if options:
        yield "".join(f"- `{option}`: {text}\n" for option, text in options)


def _usage(one: click.Parameter) -> str:
    if isinstance(one, click.Argument):
        return one.make_metavar(click.Context(click.Command("calsync")))
    value = "" if isinstance(one, click.Option) and one.is_flag else f" {one.metavar or one.type.name.upper()}"
    text = f"{one.opts[0]}{value}"
    return text if one.required else f"[{text}]"


def settings_page() -> str:
    return _SETTINGS_TOP + "\n".join(_section(name, kind) for name, kind in SECTIONS.items())


def _section(name: str, kind: type[Any]) -> str:
    title = f"[{name}.<environment>]" if name == "superoffice" else f"[{name}]"
    rows = "".join(_row(kind, one) for one in fields(kind))
    said = cleandoc(kind.__doc__ or "").replace("``", "`")
    return f"## `{title}`\n\n{said}\n\n| key | default | what |\n|---|---|---|\n{rows}"


def _row(kind: type[Any], one: Any) -> str:
    how = get_type_hints(kind, include_extras=True)[one.name].__metadata__[0]
    needed = one.default is MISSING
    if isinstance(how, SecretReader):
        if any(other.name == f"{one.name}_file" for other in fields(kind)):
            return ""  # the file is a key of its own
        return f"| `{one.name}_file` | {'needed' if needed else 'none'} | a secret |\n"
    assert isinstance(how, Reader)
    return f"| `{one.name}` | {'needed' if needed else _default(one.default)} | {how.expected} |\n"


def _default(value: Any) -> str:
    if value is None or value in ("", ()):
        return "none"
    return f"`{', '.join(map(str, value)) if isinstance(value, tuple) else value}`"


if __name__ == "__main__":
    COMMANDS_PAGE.write_text(commands_page(), encoding="utf-8")
    SETTINGS_PAGE.write_text(settings_page(), encoding="utf-8")
