"""The world of `calsync demo`: a company and its week, servers, people who edit on both sides, and their story.

It knows no adapter and nothing of the daemon: what calsync does is looked at from outside, as its users would.
"""
