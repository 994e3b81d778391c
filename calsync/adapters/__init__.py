"""The calendar systems, each behind the same port."""
