"""An environment judged before anything fails: every virtual host, every target, every store, and what a live backend accepts."""
