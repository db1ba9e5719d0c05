"""The verbs ``labs build``, ``check``, ``sync``, ``new`` and ``release``."""
