"""A gateway as Apigee Edge is one, on this machine: its Management API, its Router, its Message Processor."""
