"""Must travel in the bundle."""


def twice(value):
    return 2 * value
