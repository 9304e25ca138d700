"""Readers of certificate stores, one file per format."""
