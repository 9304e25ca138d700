"""The first flights of real TLS clients, recorded into src/whytls/clients/data: ``python -m lab.hellos [NAME…]``."""
