"""How the trusted process and a student's process talk: frames of plain data, and nothing that can run."""

from labgrade.wire.decoder import Decoder
from labgrade.wire.encoder import Encoder
from labgrade.wire.frames import Channel, ChannelClosedError, DeadlinePassedError, ProtocolError
from labgrade.wire.tags import CodecError

__all__ = [
    "Channel",
    "ChannelClosedError",
    "CodecError",
    "DeadlinePassedError",
    "Decoder",
    "Encoder",
    "ProtocolError",
]
