"""The Management API: Edge's paths and JSON over the gateway's store. ``app`` is the ASGI application, ``serving`` runs it."""
