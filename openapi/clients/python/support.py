"""Code shared by the tests."""

import os
import time
from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

from logpulse import Client

T = TypeVar("T")


def client(variable: str) -> Client:
    """Returns a client for the URL in an environment variable."""
    return Client(os.environ[variable])


def unique_word() -> str:
    """Returns a word that no other entry contains."""
    return f"w{uuid4().hex}"


def until(call: Callable[[], T], accepted: Callable[[T], bool]) -> T:
    """Repeats a call until `accepted` is true for its result, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        result = call()
        if accepted(result) or time.monotonic() > deadline:
            return result
        time.sleep(0.1)
