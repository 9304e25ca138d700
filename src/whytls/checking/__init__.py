"""Certificates at rest, judged: what is wrong with what a server or a client is to present, and with what it trusts."""
