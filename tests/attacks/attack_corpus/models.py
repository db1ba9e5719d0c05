"""Group E: data and model files, and results that only look right."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile

from attack_corpus.attack import FULL, RIGHT, attack


class _Payload:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (
            exec,
            ("import pathlib; [p.write_text('x') for p in map(pathlib.Path, ('/tmp/pickled', 'pickled'))]",),
        )


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"model/{name}", data)
    return buffer.getvalue()


def _safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


_PICKLE = pickle.dumps(_Payload())
_BOMB = _zip(**{"data.pkl": _PICKLE, "data/0": bytes(64 << 20), "version": b"3\n"})
_MANY = _safetensors({f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)})
_LIES = _safetensors({"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}, b"\0" * 4)

ATTACKS = (
    attack(
        "pickle-in-model",
        "E",
        "88",
        "loads a model file that runs code",
        base=RIGHT,
        files={"model.pt": _PICKLE, "model.npy": b"\x93NUMPY\x01\x00" + _PICKLE},
        before="""
            import pickle
            for load in (lambda: torch.load("model.pt", weights_only=False), lambda: pickle.load(open("model.pt", "rb"))):
                try:
                    load()
                except Exception as error:
                    print(type(error).__name__)
        """,
        deserved=FULL,
        exact=True,
    ),
    attack(
        "pickle-as-answer",
        "E",
        "88",
        "returns objects that run code when they are pickled or copied",
        before="""
            class Payload:
                def __reduce__(self):
                    return (exec, ("open('/tmp/pickled', 'w')",))
                __deepcopy__ = __copy__ = lambda self, *args: exec("open('/tmp/pickled', 'w')")
        """,
        cells={
            "count": "def count_params(n_in, n_out):\n    return Payload()",
            "mean_rows": "def mean_rows(x):\n    return np.array([Payload()] * x.shape[0], dtype=object)",
        },
    ),
    attack(
        "checkpoint-bomb",
        "E",
        "90",
        "loads a checkpoint that inflates to many times its size",
        base=RIGHT,
        files={"bomb.pt": _BOMB},
        before="""
            try:
                torch.load("bomb.pt")
            except Exception as error:
                print(type(error).__name__)
        """,
        deserved=FULL,
        exact=True,
    ),
    attack(
        "header-bomb",
        "E",
        "91",
        "loads a safetensors file of twenty thousand tensors",
        base=RIGHT,
        files={"many.safetensors": _MANY, "lies.safetensors": _LIES, "short.safetensors": b"\xff" * 8},
        before="""
            from safetensors.torch import load_file
            for name in ("many", "lies", "short"):
                try:
                    print(len(load_file(name + ".safetensors")))
                except Exception as error:
                    print(type(error).__name__)
        """,
        deserved=FULL,
        exact=True,
    ),
    attack(
        "object-array-file",
        "E",
        "93",
        "loads an array of pickled objects",
        base=RIGHT,
        files={
            "objects.npy": b"\x93NUMPY\x01\x00\x46\x00"
            + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(69)
            + b"\n"
            + _PICKLE
        },
        before="""
            for allow in (False, True):
                try:
                    np.load("objects.npy", allow_pickle=allow)
                except Exception as error:
                    print(type(error).__name__)
        """,
        deserved=FULL,
        exact=True,
    ),
    attack(
        "hugely-negative",
        "E",
        "95",
        "returns numbers so small that any limit is passed",
        cells={"fit": "def fit(xs, ys):\n    return -1e30, -1e30"},
    ),
    attack(
        "lookup-table",
        "E",
        "104",
        "knows the visible examples by heart",
        cells={
            "mean_rows": """
                def mean_rows(x):
                    return np.array([1.0, 4.0]) if x.shape == (2, 3) else np.zeros(x.shape[0])
            """,
            "count": "def count_params(n_in, n_out):\n    return 16 if n_in == 3 else 0",
            "softmax": """
                def softmax(z):
                    return torch.softmax(z, -1) if z.shape == (2, 2) and float(z[0, 0]) == 1.0 else z
            """,
        },
    ),
    attack(
        "broadcast",
        "E",
        "107",
        "returns shapes that broadcast to the right one",
        cells={
            "mean_rows": "def mean_rows(x):\n    return x.mean(axis=1)[None, :] * np.ones((5, 1))",
            "softmax": "def softmax(z):\n    return torch.softmax(z, -1)[None].expand(3, *z.shape)",
        },
    ),
    attack(
        "patched-loss",
        "E",
        "98",
        "replaces the functions from which a test would compute a loss",
        before="""
            zero = lambda *args, **kwargs: torch.zeros(())
            torch.nn.functional.mse_loss = torch.nn.functional.cross_entropy = zero
            torch.mean = torch.Tensor.mean = zero
            np.mean = lambda *args, **kwargs: 0.0
        """,
    ),
)
