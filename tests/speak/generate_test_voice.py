"""Makes a tiny piper voice: every phoneme id is 1,024 samples of a square hum."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SAMPLES_PER_ID = 1_024


def write_voice(folder: Path, alignments: bool) -> Path:
    """Write `voice.onnx` and `voice.onnx.json` to `folder`; return the former's path."""
    wave = np.sign(np.sin(np.arange(SAMPLES_PER_ID) * 0.06))[None].astype(np.float32)
    constants = [
        numpy_helper.from_array(wave, "wave"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.array([1, 1, -1], np.int64), "row"),
        numpy_helper.from_array(np.array(0.01, np.float32), "quiet"),
        numpy_helper.from_array(np.array(0.0, np.float32), "zero"),
        numpy_helper.from_array(np.array(SAMPLES_PER_ID / 256, np.float32), "hops"),
    ]
    nodes = [
        helper.make_node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["ids", "column"], ["ids_column"]),
        helper.make_node("Mul", ["ids_column", "wave"], ["hum"]),
        helper.make_node("Mul", ["hum", "quiet"], ["quiet_hum"]),
        helper.make_node("Reshape", ["quiet_hum", "row"], ["output"]),
        helper.make_node("Mul", ["ids", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "hops"], ["durations"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "samples"])]
    if alignments:
        outputs.append(helper.make_tensor_value_info("durations", TensorProto.FLOAT, [1, "n"]))
    graph = helper.make_graph(nodes, "voice", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    path = folder / "voice.onnx"
    onnx.save(model, path)
    letters = "_^$ abcdefghijklmnopqrstuvwxyz."
    settings = {
        "audio": {"sample_rate": 22050},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "text",
        "num_symbols": len(letters),
        "num_speakers": 1,
        "phoneme_id_map": {letter: [i] for i, letter in enumerate(letters)},
    }
    Path(f"{path}.json").write_text(json.dumps(settings))
    return path
