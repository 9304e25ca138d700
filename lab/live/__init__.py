"""Real servers on loopback, described by one value each: plain processes, no root, no namespaces, ports that are free."""
