"""A pool of RSA keys that tests reuse, because generating or parsing one takes longer than most tests.

A key that a test module shares between tests must be created at import, or the pool may hand it out again.
"""

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

_generate = rsa.generate_private_key


def generator() -> Callable[..., rsa.RSAPrivateKey]:
    """Return a replacement for cryptography's function. It returns no key twice; every generator has the same keys."""
    numbers = count()
    return lambda public_exponent, key_size: _made(next(numbers), public_exponent, key_size)


@cache
def _made(number: int, public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    return _generate(public_exponent, key_size)


@cache
def load(data: bytes, password: None) -> Any:
    """Load a key like cryptography's function, but validate each key only once."""
    return load_der_private_key(data, password)
