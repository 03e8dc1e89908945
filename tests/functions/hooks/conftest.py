from tests.functions.outside import outside, receiver

__all__ = ["outside", "receiver"]
