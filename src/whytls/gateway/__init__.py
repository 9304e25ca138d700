"""A gateway on this machine that is set up as Apigee Edge is, fails as Edge does, and knows why: Management API, Router, Message Processor."""
