"""The scenarios, a file per group; `lab.scenario.load` finds them all."""
