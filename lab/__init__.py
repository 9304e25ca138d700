"""Real TLS stacks that really fail, recorded: each scenario is a function, its run writes one folder of tests/corpus."""
