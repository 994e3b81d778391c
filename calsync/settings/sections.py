"""The sections of the configuration file: a field is a key, its annotation says how it is read.

This is public interface: a key is changed only with an entry in CHANGELOG.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from calsync.settings.values import (
    Address,
    Count,
    CountFromZero,
    FilePath,
    FilledText,
    Flag,
    HostPatterns,
    ListenAddress,
    MadeSecret,
    NeededSecret,
    Networks,
    OptionalPath,
    OptionalSecret,
    OptionalUrl,
    Origins,
    Rate,
    Seconds,
    Share,
    StoreUrl,
    Text,
    Url,
)

LISTEN: Final = Address("127.0.0.1", 8080)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the daemon listens and under which address people reach it (default: where it listens)."""

    listen: ListenAddress = LISTEN
    public_url: OptionalUrl = ""
    tls_cert_file: OptionalPath = None
    tls_key_file: OptionalPath = None
    trusted_proxies: Networks = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Our own records. ``url`` is absolute once loaded."""

    url: StoreUrl = "sqlite:///calsync.db"

    @property
    def path(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The master key: one Fernet key a line, newest first. ``key`` is None until ``init`` has made it."""

    key_file: FilePath = Path("/etc/calsync/key")
    key: MadeSecret = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperOffice:
    """One SuperOffice environment, such as ``[superoffice.sod]``. ``issuer`` is ``login_url`` unless given."""

    login_url: Url
    client_id: FilledText
    client_secret: NeededSecret
    private_key: NeededSecret
    tenant_hosts: HostPatterns = ("*.superoffice.com",)
    issuer: Text = ""
    ticket_issuer: FilledText = "SuperOffice AS"
    calls_per_s: Rate = 5.0
    parallel: Count = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Microsoft:
    """Microsoft 365: a client secret, a certificate, or both."""

    client_id: FilledText
    client_secret: OptionalSecret = None
    certificate: OptionalSecret = None
    authority: Url = "https://login.microsoftonline.com"
    graph_url: Url = "https://graph.microsoft.com/v1.0"
    validate_authority: Flag = True
    parallel_per_mailbox: Count = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CalDav:
    """CalDAV: an upper bound that quirks of a server lower."""

    parallel_per_account: Count = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """Every request that leaves. ``allow_hosts`` lifts the private-address rule, with http:// also https."""

    allow_hosts: Origins = ()
    connect_s: Seconds = 10.0
    read_s: Seconds = 30.0
    total_s: Seconds = 120.0
    body_max_mb: Rate = 20.0
    proxy: OptionalUrl = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """When to look, how far, and when to hold."""

    poll_interval_s: Seconds = 300.0
    window_past_days: CountFromZero = 30
    window_future_days: CountFromZero = 365
    held_min: CountFromZero = 10
    held_share: Share = 0.2
    settle_s: Seconds = 60.0
    retry_base_s: Seconds = 5.0
    retry_max_s: Seconds = 3600.0
    sweep_near_s: Seconds = 900.0
    sweep_interval_s: Seconds = 3600.0
    audit_interval_s: Seconds = 86400.0
    roll_interval_s: Seconds = 86400.0
    held_period_s: Seconds = 86400.0
    breaker_writes: Count = 3
    breaker_period_s: Seconds = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Notices to our own users; none without ``smtp_url``."""

    smtp_url: OptionalSecret = None
    sender: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator sets. ``file`` is where it came from; ``superoffice`` is by environment name."""

    file: Path | None = None
    server: Server = field(default_factory=Server)
    store: Store = field(default_factory=Store)
    secrets: Secrets = field(default_factory=Secrets)
    superoffice: Mapping[str, SuperOffice] = field(default_factory=lambda: MappingProxyType({}))
    microsoft: Microsoft | None = None
    caldav: CalDav = field(default_factory=CalDav)
    outbound: Outbound = field(default_factory=Outbound)
    sync: Sync = field(default_factory=Sync)
    mail: Mail = field(default_factory=Mail)


SECTIONS: Final[Mapping[str, type[Any]]] = {
    "server": Server,
    "store": Store,
    "secrets": Secrets,
    "superoffice": SuperOffice,
    "microsoft": Microsoft,
    "caldav": CalDav,
    "outbound": Outbound,
    "sync": Sync,
    "mail": Mail,
}
ENVIRONMENT_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
