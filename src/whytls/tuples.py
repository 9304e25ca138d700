"""``NamedTuple`` as ``typing`` has it, at a fifth of its price at start-up.

``typing.NamedTuple`` wraps every annotation that is a string, which ``from __future__ import annotations`` makes of all of them, in a
``ForwardRef``, and compiles it. Nobody here asks for annotations at run time, and a start of ``whytls diagnose`` defines some seventy
such classes: that was 15 % of the time to a verdict. Type checkers see ``typing.NamedTuple``; at run time the same class is made by
``collections.namedtuple`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    _OF_THE_CLASS_ITSELF = frozenset(("__module__", "__annotations__"))

    class _Maker(type):
        """Makes of a class body with annotated fields the named tuple of these fields, with the rest of the body in it."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = body.get("__annotations__", {})
            defaults = [body[field] for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            made.__annotations__ = fields
            for key, value in body.items():
                if key not in fields and key not in _OF_THE_CLASS_ITSELF:
                    setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
