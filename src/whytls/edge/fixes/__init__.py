"""The exact artefact for a verdict: what belongs into which resource, file or client, what it costs, and what is still lacking for it."""
