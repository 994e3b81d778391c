"""One frozen value from the configuration file and the environment; every problem is reported at once.

The same key in the environment is ``CALSYNC_<SECTION>__<KEY>`` and wins over the file. Relative paths are
relative to the file. A secret never stands in the file: it comes, in this order, from the environment
(``…__CLIENT_SECRET``), a systemd credential (``superoffice.sod.client_secret``) or the file that the key
``client_secret_file`` names.
"""

from calsync.settings.findings import Finding, SettingsError, render_findings
from calsync.settings.load import load_settings
from calsync.settings.sections import (
    CalDav,
    Mail,
    Microsoft,
    Outbound,
    Secrets,
    Server,
    Settings,
    Store,
    SuperOffice,
    Sync,
)
from calsync.settings.values import Address, Secret

__all__ = [
    "Address",
    "CalDav",
    "Finding",
    "Mail",
    "Microsoft",
    "Outbound",
    "Secret",
    "Secrets",
    "Server",
    "Settings",
    "SettingsError",
    "Store",
    "SuperOffice",
    "Sync",
    "load_settings",
    "render_findings",
]
