"""RSA keys that one test after the other uses: to make one, or to read it back, takes longer than most tests do.

What a test keeps for another one, it makes when it is imported, or it may meet the same key again as somebody else's.
"""

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

_generate = rsa.generate_private_key


def generator() -> Callable[..., rsa.RSAPrivateKey]:
    """Does what cryptography's function does, and gives no key twice; another generator gives the same ones."""
    numbers = count()
    return lambda public_exponent, key_size: _made(next(numbers), public_exponent, key_size)


@cache
def _made(number: int, public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    return _generate(public_exponent, key_size)


@cache
def load(data: bytes, password: None) -> Any:
    """As cryptography's function: it checks what is in the key, for each key once."""
    return load_der_private_key(data, password)
