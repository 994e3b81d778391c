"""Counts HTTP/1.1 requests in a stream of bytes without touching it."""

import re
from typing import Final

_LENGTH: Final = re.compile(rb"(?im)^content-length:\s*(\d+)")
_CHUNKED: Final = re.compile(rb"(?im)^transfer-encoding:.*chunked")
_HEAD_END: Final = b"\r\n\r\n"


class RequestCounter:
    """Feed it what a client sends on one connection; ``count`` is the number of complete request heads."""

    def __init__(self) -> None:
        self.count = 0
        self._buffer = bytearray()
        self._body_left = 0
        self._chunked = False

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Take one part off the buffer; False when more bytes are needed."""
        if self._body_left:
            taken = min(self._body_left, len(self._buffer))
            del self._buffer[:taken]
            self._body_left -= taken
            return taken > 0
        return self._chunk() if self._chunked else self._head()

    def _head(self) -> bool:
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return False
        head = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 4]
        self.count += 1
        length = _LENGTH.search(head)
        self._body_left = int(length[1]) if length else 0
        self._chunked = bool(_CHUNKED.search(head))
        return True

    def _chunk(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        size = int(bytes(self._buffer[:end]).partition(b";")[0], 16)
        del self._buffer[: end + 2]
        self._body_left = size + 2  # the data and its line end; after the last chunk, the closing empty line
        self._chunked = size > 0
        return True
