"""The runbook, played: a gateway, clients and backends on this machine, every failure on both hops, its verdict, and its fix."""
