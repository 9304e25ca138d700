"""A gateway on one machine that is set up as Apigee Edge is, fails as Edge does, and knows why."""
