"""Runs networks in ONNX's format by ONNX Runtime, on one core."""

import onnxruntime


def session(network: bytes) -> onnxruntime.InferenceSession:
    """Of a whole network, weights included."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # more of them spin while they wait for a core
    return onnxruntime.InferenceSession(network, options, ["CPUExecutionProvider"])
