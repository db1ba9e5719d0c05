"""Forbidden names: when a path that source code reaches counts as one of them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ATTENTION_LAYERS", "RECURRENT_LAYERS", "Forbidden"]

RECURRENT_LAYERS = (
    *(f"torch.nn.{name}" for name in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")),
    *(f"torch.nn.{name}" for name in ("RNNBase", "RNNCellBase")),
    *(f"torch.{name}" for name in ("rnn_tanh", "rnn_relu", "lstm", "gru")),
    *(f"torch.{name}" for name in ("rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell")),
    *(
        f"torch.{name}"
        for name in ("_cudnn_rnn", "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell", "mkldnn_rnn_layer")
    ),
    *(
        f"keras.layers.{name}"
        for name in ("SimpleRNN", "LSTM", "GRU", "RNN", "SimpleRNNCell", "LSTMCell", "GRUCell")
    ),
)
"""What torch and keras offer as a whole recurrent layer or cell."""

ATTENTION_LAYERS = (
    *(f"torch.nn.{name}" for name in ("MultiheadAttention", "Transformer", "TransformerEncoder")),
    *(
        f"torch.nn.{name}"
        for name in ("TransformerEncoderLayer", "TransformerDecoder", "TransformerDecoderLayer")
    ),
    "torch.nn.functional.scaled_dot_product_attention",
    "torch.nn.functional.multi_head_attention_forward",
    "torch.nn.attention",
    "torch._native_multi_head_attention",
    "torch._transformer_encoder_layer_fwd",
    "torch._scaled_dot_product_attention_math",
    "torch._scaled_dot_product_flash_attention",
    "torch._scaled_dot_product_flash_attention_for_cpu",
    "torch._scaled_dot_product_efficient_attention",
    "keras.layers.MultiHeadAttention",
    "keras.layers.GroupQueryAttention",
    "keras.layers.Attention",
    "keras.layers.AdditiveAttention",
)
"""What torch and keras offer as a whole attention."""

_LONG_ENOUGH = 16


class Forbidden:
    """A set of forbidden names, and which of them were met."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._found: set[str] = set()
        self._obscure: list[str] = []
        self._roots = {name.split(".")[0] for name in self.names if "." in name}

    def meet_path(self, path: str) -> None:
        """Note a dotted path that was resolved, e.g. ``torch.nn.modules.rnn.GRU``.

        A forbidden name counts wherever its package keeps it: root and last part decide, so that
        ``torch._VF.gru`` is ``torch.gru`` and everything below a forbidden package counts too.
        """
        parts = path.split(".")
        for name in self.names:
            wanted = name.split(".")
            if wanted[-1] in parts and (len(wanted) == 1 or wanted[0] in parts):
                self._found.add(name)

    def meet_bare(self, word: str) -> None:
        """Note a name or attribute whose origin cannot be read.

        It counts if it is unlikely to be the student's own: written with a capital, or long. ``model.gru`` is
        a common name for one's own function.
        """
        if word[:1].isupper() or len(word) > _LONG_ENOUGH:
            self._found.update(name for name in self.names if name.split(".")[-1] == word)

    def meet_any(self, word: str) -> None:
        """Note a name that belongs to some library's code, without knowing which."""
        self._found.update(name for name in self.names if name.split(".")[-1] == word)

    def meet_obscure(self, text: str) -> None:
        """Note code that hides which name it uses."""
        if text not in self._obscure:
            self._obscure.append(text)

    def is_watched(self, path: str) -> bool:
        """Tell whether a path belongs to a package with forbidden names."""
        return path.split(".")[0] in self._roots

    def found(self) -> tuple[str, ...]:
        """Return the forbidden names that were met, in the given order, then what was hidden."""
        return (*(name for name in self.names if name in self._found), *self._obscure)
