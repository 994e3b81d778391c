"""Any CalDAV server (RFC 4791)."""
