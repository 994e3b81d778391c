"""The one way out: a guarded HTTP client with deadlines, caps, limits and redaction."""
