"""How the trusted process and a student's process talk: frames of plain data, and nothing that can run."""

from labgrade.wire.codec import CodecError, Decoder, Encoder
from labgrade.wire.frames import Channel, ChannelClosed, DeadlinePassed, ProtocolError

__all__ = ["Channel", "ChannelClosed", "CodecError", "DeadlinePassed", "Decoder", "Encoder", "ProtocolError"]
