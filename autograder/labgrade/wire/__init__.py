"""How the trusted process and a student's process talk: frames of plain data, and nothing that can run."""

from labgrade.wire.codec import CodecError, Decoder, Encoder
from labgrade.wire.frames import Channel, ChannelClosedError, DeadlinePassedError, ProtocolError

__all__ = [
    "Channel",
    "ChannelClosedError",
    "CodecError",
    "DeadlinePassedError",
    "Decoder",
    "Encoder",
    "ProtocolError",
]
