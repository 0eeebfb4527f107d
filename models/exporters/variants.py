"""Quantized and optimized forms of an exported file, made by onnxruntime's tools."""

import tempfile
from pathlib import Path

import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

# Elements of a row that share a scale; the smallest that the operator allows.
BLOCK = 16


class OneBatch(CalibrationDataReader):
    def __init__(self, spec, path):
        names = [i.name for i in onnxruntime.InferenceSession(path).get_inputs()]
        self.batches = iter([{name: spec.named_inputs()[name].numpy() for name in names}])

    def get_next(self):
        return next(self.batches, None)


def static_int8(spec, source, path):
    """QuantizeLinear and DequantizeLinear around products of matrices and convolutions; weights per channel.

    Around everything, masks would take all of a mask's range for the lowest number.
    """
    quantize_static(
        source, path, OneBatch(spec, source), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv", "Gemm", "MatMul"],
    )


def dynamic_int8(spec, source, path):
    """DynamicQuantizeLinear and MatMulInteger."""
    quantize_dynamic(source, path, per_channel=True, weight_type=QuantType.QInt8)


def blocks(bits):
    def quantize(spec, source, path):
        quantizer = MatMulNBitsQuantizer(onnx.load(source), bits=bits, block_size=BLOCK, is_symmetric=bits == 8)
        quantizer.process()
        onnx.save(quantizer.model.model, path)

    return quantize


def ort_extended(spec, source, path):
    """What onnxruntime fuses on any CPU: operators of its own domain."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


MAKERS = {
    "qdq": static_int8,
    "dynamic-int8": dynamic_int8,
    "matmul4": blocks(4),
    "matmul8": blocks(8),
    "ort-extended": ort_extended,
}


def write(variant, spec, source, path):
    """Writes a form of the file `source`."""
    with tempfile.TemporaryDirectory() as folder:
        # The tools leave files beside their source, and stumble over shapes of inner values.
        model = onnx.load(source)
        del model.graph.value_info[:]
        copy = Path(folder) / "model.onnx"
        onnx.save(model, copy)
        MAKERS[variant](spec, copy, path)
