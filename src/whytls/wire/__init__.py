"""TLS bytes to values and back: sans-IO, role-blind; knows no file and no socket."""
