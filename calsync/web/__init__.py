"""HTTP doors: the JSON API, health and metrics."""
