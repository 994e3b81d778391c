"""A simulator of SuperOffice CRM Online: login host, tenant API, and people working in the web client.

It shares no code with the adapters, so a mistake in a mapping cannot cancel itself out.
"""
