"""once: a property that is computed when it is first asked for and kept on its object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class once(Generic[Value]):  # noqa: N801  (a decorator)
    """As `functools.cached_property` from Python 3.12 on: before, that one lets all objects wait for each other.

    Two threads that ask one object at the same time both compute the value, and keep that of the later one.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> once[Value]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> once[Value] | Value:
        if instance is None:
            return self
        found = self._compute(instance)
        instance.__dict__[self._name] = found
        return found
