"""Simulators of the remote systems, and the demo. They share no code with the adapters."""
