"""TLS bytes to values and back: sans-IO, role-blind; knows no file and no socket.

In the order in which bytes pass: ``record`` cuts a stream (``sslv2`` its oldest form), ``framing`` puts messages together,
``message`` and ``extension`` read them with ``cursor`` into ``value``; ``transcript`` says which message stands where,
``registry`` what the numbers are called (its tables are ``numbers``), ``alert`` what alerts mean by the standard and in life;
``hello`` builds a ClientHello; ``quic`` names what is not read here.
"""
