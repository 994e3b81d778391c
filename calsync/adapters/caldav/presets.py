"""Providers whose address people do not know: found by e-mail domain or host. Data, not code."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A provider. ``url`` is where discovery starts, empty where each installation has its own.

    ``domains`` are e-mail domains and hosts by which it is recognised; the password may go to every host under
    ``trusted``. ``signs_in_with`` tells the person what to type; ``oauth_only``: no password is accepted at all.
    """

    name: str
    url: str = ""
    domains: Sequence[str] = ()
    trusted: Sequence[str] = ()
    signs_in_with: str = ""
    oauth_only: bool = False


PRESETS: Final[Sequence[Preset]] = (
    Preset(
        name="iCloud",
        url="https://caldav.icloud.com/",
        domains=("icloud.com", "me.com", "mac.com"),
        trusted=("icloud.com",),
        signs_in_with="your Apple Account's e-mail address and an app-specific password made at account.apple.com",
    ),
    Preset(
        name="Fastmail",
        url="https://caldav.fastmail.com/",
        domains=("fastmail.com", "fastmail.fm", "fastmail.net", "fastmail.org", "sent.com", "messagingengine.com"),
        trusted=("fastmail.com", "messagingengine.com"),
        signs_in_with="your full Fastmail address and an app password with access to calendars",
    ),
    Preset(
        name="Google",
        url="https://apidata.googleusercontent.com/caldav/v2/",
        domains=("gmail.com", "googlemail.com", "google.com", "googleusercontent.com"),
        trusted=("googleusercontent.com", "google.com"),
        oauth_only=True,
    ),
    Preset(
        name="mailbox.org",
        url="https://dav.mailbox.org/",
        domains=("mailbox.org",),
        trusted=("mailbox.org",),
        signs_in_with="your mailbox.org address and its password, or an app password with two-factor sign-in",
    ),
    Preset(
        name="GMX",
        url="https://caldav.gmx.net/",
        domains=("gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.com"),
        trusted=("gmx.net", "gmx.com"),
        signs_in_with="your GMX address and its password; synchronisation must be switched on in the settings",
    ),
    Preset(
        name="Posteo",
        url="https://posteo.de:8443/",
        domains=("posteo.de", "posteo.net", "posteo.eu"),
        trusted=("posteo.de",),
        signs_in_with="your Posteo address and its password",
    ),
    Preset(
        name="Yahoo",
        url="https://caldav.calendar.yahoo.com/",
        domains=("yahoo.com", "ymail.com", "rocketmail.com"),
        trusted=("yahoo.com",),
        signs_in_with="your Yahoo address and an app password",
    ),
    Preset(
        name="Infomaniak",
        url="https://sync.infomaniak.com/",
        domains=("infomaniak.com", "ik.me", "ikmail.com"),
        trusted=("infomaniak.com",),
        signs_in_with="the user name shown under synchronisation, and an app password",
    ),
)

NEXTCLOUD: Final = Preset(
    name="Nextcloud",
    signs_in_with="your user name and an app password made under Settings, Security",
)
NEXTCLOUD_PATH: Final = "/remote.php/dav/"
_NEXTCLOUD_PAGES: Final = ("/remote.php", "/index.php/", "/apps/calendar", "/nextcloud", "/owncloud")

# Second-level names under which others register, as in example.co.uk.
_SECOND_LEVELS: Final = frozenset({"ac", "co", "com", "edu", "gov", "gv", "mil", "ne", "net", "nom", "or", "org"})
_COUNTRY: Final = 2


def preset_for(host: str) -> Preset | None:
    """The provider of an e-mail domain or a host."""
    return next((found for found in PRESETS if any(_is_under(host, domain) for domain in found.domains)), None)


def looks_like_nextcloud(path: str) -> bool:
    """Whether a path typed or copied from a browser is a page of Nextcloud."""
    return any(page in path for page in _NEXTCLOUD_PAGES)


def nextcloud_root(path: str) -> str:
    """Where the CalDAV root of that Nextcloud is, by the path of one of its pages."""
    cut = min((path.find(page) for page in _NEXTCLOUD_PAGES[:3] if page in path), default=-1)
    folder = path if cut < 0 else path[:cut]
    return folder.rstrip("/") + NEXTCLOUD_PATH


def may_have_password(given_host: str, host: str) -> bool:
    """Whether a password typed for one host may go to another one.

    RFC 6764 section 8: an SRV record or a redirect to somebody else's domain is also how passwords are stolen.
    """
    if host == given_host or registrable(host) == registrable(given_host):
        return True
    found = preset_for(given_host)
    return found is not None and any(_is_under(host, domain) for domain in found.trusted)


def registrable(host: str) -> str:
    """The part of a host name that somebody registered; an address or a single word is itself."""
    host = host.lower().rstrip(".")
    labels = host.split(".")
    if len(labels) <= _COUNTRY or _is_address(host):
        return host
    shared = len(labels[-1]) == _COUNTRY and labels[-2] in _SECOND_LEVELS
    return ".".join(labels[-3:] if shared else labels[-2:])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _is_under(host: str, domain: str) -> bool:
    host = host.lower().rstrip(".")
    return host == domain or host.endswith(f".{domain}")
