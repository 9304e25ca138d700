"""Apigee Edge as configuration: its resources as values, its Management API, the files that configure it, and what follows for a handshake."""
