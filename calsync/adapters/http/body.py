"""Reading an answer's body: whole or not at all, decoded in small pieces under a cap."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable
from typing import Final, Protocol

from calsync.core.errors import UnusableAnswerError

_PIECE: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


async def read_body(stream: AsyncIterable[bytes], coding: str, *, cap: int) -> bytes:
    """The decoded body of at most ``cap`` bytes.

    Raises:
        UnusableAnswerError: too long, not decodable, cut short, or in a coding other than gzip and deflate.
    """
    match coding.strip().lower():
        case "" | "identity":
            return await _read_plain(stream, cap)
        case "gzip" | "x-gzip":
            return await _read_packed(stream, cap, deflate=False)
        case "deflate":
            return await _read_packed(stream, cap, deflate=True)
        case _:
            raise UnusableAnswerError("The answer is in a content coding that was not asked for.")


async def _read_plain(stream: AsyncIterable[bytes], cap: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in stream:
        size += len(part)
        if size > cap:
            raise too_long(cap)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _read_packed(stream: AsyncIterable[bytes], cap: int, *, deflate: bool) -> bytes:
    inflater: _Inflater | None = None
    whole = bytearray()
    async for part in stream:
        if inflater is None and part:
            inflater = zlib.decompressobj(_window_bits(part[0], deflate=deflate))
        if inflater is not None:
            _inflate(inflater, part, whole, cap)
    if inflater is not None and not inflater.eof:
        raise UnusableAnswerError("The compressed answer was cut short.")
    return bytes(whole)


def _window_bits(first: int, *, deflate: bool) -> int:
    """Servers send "deflate" with and without the zlib header, whose first byte ends in 8."""
    if not deflate:
        return _GZIP
    return zlib.MAX_WBITS if first & 0x0F == 8 else -zlib.MAX_WBITS  # noqa: PLR2004  # RFC 1950: method 8


def _inflate(inflater: _Inflater, data: bytes, whole: bytearray, cap: int) -> None:
    piece = b""
    while data or len(piece) == _PIECE:  # a full piece: the inflater may hold more, though all input is taken
        try:
            piece = inflater.decompress(data, _PIECE)
        except zlib.error as error:
            raise UnusableAnswerError("The compressed answer is damaged.") from error
        whole += piece
        if len(whole) > cap:
            raise too_long(cap)
        if inflater.unused_data:
            raise UnusableAnswerError("Something follows the end of the compressed answer.")
        data = inflater.unconsumed_tail


def too_long(cap: int) -> UnusableAnswerError:
    return UnusableAnswerError(f"The answer is longer than {cap} bytes.")
