"""What the checks of `counting` share. Given."""

from labkit import expect, probe

READY_MADE = (
    *(f"torch.nn.{name}" for name in ("MultiheadAttention", "Transformer")),
    *(f"torch.nn.Transformer{name}" for name in ("Encoder", "EncoderLayer", "Decoder", "DecoderLayer")),
    "torch.nn.functional.scaled_dot_product_attention",
    "torch.nn.functional.multi_head_attention_forward",
)
"""Layers of PyTorch that would do what the answers should do."""


def expect_own(thing, name):
    """Expect that a class does not call PyTorch's attention."""
    used = ", ".join(probe.uses(thing, READY_MADE))
    expect.true(not used, f"your own {name}", cause=f"it uses {used}" if used else "")
