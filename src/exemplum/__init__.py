"""Exemplum: does a picture that is said to explain a unit help anyone predict what the unit does?

    import exemplum as ex

The names that `__init__.pyi` lists are imported when they are first used: `import exemplum` itself takes no time.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("exemplum")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
