"""ONNX graphs opened with a hidden tensor as an output, or one bent on its way.

An ONNX file is one protobuf message, and protobuf joins messages that are laid end to end: what is
appended to the bytes of a model is added to its graph. So outputs, inputs and nodes are added here
in a few bytes, without the package `onnx` and without a copy of the model on disk.
Numbers of fields: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivavoce.errors import VivavoceError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_GRAPH = 7  # of a model
_NODE, _INPUT, _OUTPUT = 1, 11, 12  # of a graph
_NODE_INPUT, _NODE_OUTPUT, _OPERATOR = 1, 2, 4  # of a node
_NAME, _TYPE = 1, 2  # of a value
_TENSOR, _FLOAT = 1, b"\x08\x01"  # of a type


def output(name: str) -> bytes:
    """What makes the float tensor `name` of a model an output, after those that it has."""
    return _field(_GRAPH, _value(_OUTPUT, name))


def input_(name: str) -> bytes:
    """What gives a model a float input `name`."""
    return _field(_GRAPH, _value(_INPUT, name))


def node(operator: str, inputs: tuple[str, ...], result: str) -> bytes:
    """What adds an operator of ONNX to a model: `result` of `inputs`."""
    parts = [_field(_NODE_INPUT, name.encode()) for name in inputs]
    parts += [_field(_NODE_OUTPUT, result.encode()), _field(_OPERATOR, operator.encode())]
    return _field(_GRAPH, _field(_NODE, b"".join(parts)))


def renamed_result(model: bytes, name: str) -> tuple[bytes, str]:
    """The model in which the tensor `name` is made under another name, and that name; those who
    read it still read `name`, which is to be made anew by nodes that are added.

    Raises:
        VivavoceError: The model does not make such a tensor, in exactly one place.
    """
    other = name[:-1] + "#"
    old, new = (_field(_NODE_OUTPUT, n.encode()) for n in (name, other))
    if model.count(old) != 1:
        raise VivavoceError(
            f"The voice's model has no tensor {name!r}: it is another version than the one that "
            "vivavoce knows. Install the versions that pyproject.toml pins."
        )
    return model.replace(old, new), other


def open_graph(model: bytes) -> InferenceSession:
    """A session on one thread: the other cores draw frames meanwhile, and nothing of it is lost by
    a fork.

    Raises:
        VivavoceError: The bytes are no model that onnxruntime can run.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # where it was imported before vivavoce
    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads = how.inter_op_num_threads = 1
    how.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, how, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own
        raise VivavoceError(f"The voice's model cannot be opened: {error}") from None


def _value(field: int, name: str) -> bytes:
    kind = _field(_TYPE, _field(_TENSOR, _FLOAT))
    return _field(field, _field(_NAME, name.encode()) + kind)


def _field(number: int, content: bytes) -> bytes:
    """A protobuf field that has a length."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
