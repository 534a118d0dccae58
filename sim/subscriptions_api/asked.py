"""One request as the operations see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Asked:
    """What is asked: operation, the id in the path ("" for none), undecoded or decoded body, query, and who asks."""

    __slots__ = ("body", "client", "identifier", "operation", "query")

    def __init__(self, operation: str, identifier: str, body: Any, query: Mapping[str, str], client: str) -> None:
        self.operation = operation
        self.identifier = identifier
        self.body = body
        self.query = query
        self.client = client
