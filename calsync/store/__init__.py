"""Our own records: one SQLite file."""
