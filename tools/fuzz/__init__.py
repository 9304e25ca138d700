"""Coverage-guided fuzzing of every parser (`make fuzz TIME=seconds`).

Theory of operation
-------------------
Each *target* (targets.py) is one function of ours that takes bytes from somebody else. Atheris runs it in a process of its own
with the package instrumented, begins with *seeds* cut out of the labelled captures (seeds.py) and changes them. Bytes changed
at random seldom come far: a capture's record length, an IP length, a TLS record length and a handshake length must all agree
before a certificate is looked at. So each target has a *mutator* that takes an input apart along such lengths, lets libFuzzer
change one part, and puts it together again with lengths that fit (frames.py, streams.py, der.py); one time in eight the raw
bytes are changed instead.

A finding is anything but our own errors that escapes, more memory than the limit, or time out of proportion: an input that
takes longer than a fixed sum and a sum per byte, measured as CPU time and confirmed by three repetitions. After fuzzing, each
input that was worth keeping is grown to 2, 4 and 8 times its length (growth.py): work that grows faster than length shows
there even where the input itself is small.
"""
