"""Generators and checks that the project itself uses; nothing here is shipped."""
