"""Small helpers that user code may import."""
from typing import Any, Callable


class cached_property:  # noqa: N801 (the documented name)
    """A property that is computed once per object."""

    def __init__(self, func: Callable[[Any], Any]) -> None:
        self.func = func
        self.__doc__ = func.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, objtype: Any = None) -> Any:
        if obj is None:
            return self
        value = self.func(obj)
        obj.__dict__[self.name] = value
        return value


def configure_logging(logging_level: Any = None, advanced_config: Any = None) -> None:
    """Log to stderr; `advanced_config` is a dictConfig."""
    import logging

    if advanced_config:
        import logging.config

        logging.config.dictConfig(advanced_config)
        return
    logging.basicConfig(
        level=logging_level or logging.INFO, format="[%(asctime)s] %(levelname)s - %(message)s"
    )
