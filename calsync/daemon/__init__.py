"""The long-running process: start, stop, schedule, health."""
