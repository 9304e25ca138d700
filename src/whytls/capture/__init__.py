"""Files of packets to Handshakes: records, link layers, TCP streams, and what stands in front of TLS."""
