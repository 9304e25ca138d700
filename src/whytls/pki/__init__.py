"""Certificates, names, chains and trust: what can be judged of a certificate at a given time."""
