"""Machine observers: they answer the same trials as people."""

from exemplum.observers.observer import Observer, ObserverError, UnableError
from exemplum.observers.registry import load

__all__ = ["Observer", "ObserverError", "UnableError", "load"]
