"""Writes small models of onnxruntime's own and of quantized operators, with inputs and what onnxruntime gives for them.

Usage: onnxruntime_operators.py FOLDER

FOLDER gets NAME.onnx for each case and cases.json: a list of
{"name": ..., "inputs": [tensor ...], "outputs": [tensor ...], "steps": n}, tensors being
{"name": ..., "dtype": ..., "shape": [...], "data": the little-endian elements in hexadecimal}. `steps` is by how many
units the integers of a result may differ where onnxruntime rounds in another order; 0 where they must be equal.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx import TensorProto, helper

MS = "com.microsoft"
random = np.random.default_rng(7)
cases = []

NAMES = {
    np.dtype("float32"): ("f32", TensorProto.FLOAT),
    np.dtype("float16"): ("f16", TensorProto.FLOAT16),
    np.dtype("int64"): ("i64", TensorProto.INT64),
    np.dtype("int32"): ("i32", TensorProto.INT32),
    np.dtype("int16"): ("i16", TensorProto.INT16),
    np.dtype("int8"): ("i8", TensorProto.INT8),
    np.dtype("uint8"): ("u8", TensorProto.UINT8),
    np.dtype("bool"): ("bool", TensorProto.BOOL),
}


def f(*shape, scale=1.0):
    return (random.standard_normal(shape) * scale).astype(np.float32)


def u8(*shape):
    return random.integers(0, 256, shape).astype(np.uint8)


def i8(*shape):
    return random.integers(-128, 128, shape).astype(np.int8)


def half(array):
    return array.astype(np.float16)


def f32(value):
    return np.array(value, np.float32)


def case(name, op, inputs, outputs=1, constants=(), steps=0, domain=MS, version=21, used=None, compared=None, dims=None, **attrs):
    """`inputs` are arrays or None; those whose position is in `constants` become initializers; `compared` names the results to
    compare, all of them by default; `dims` gives sizes of inputs by position where they are not those of the arrays."""
    names = ["" if array is None else f"x{i}" for i, array in enumerate(inputs)]
    results = [f"y{i}" if used is None or i in used else "" for i in range(outputs)]
    given = {n: a for i, (n, a) in enumerate(zip(names, inputs)) if a is not None and i not in constants}
    stored = [onnx.numpy_helper.from_array(inputs[i], names[i]) for i in constants if i < len(inputs) and inputs[i] is not None]
    node = helper.make_node(op, names, results, domain=domain, **attrs)
    sizes = {f"x{i}": sizes for i, sizes in (dims or {}).items()}
    info = [helper.make_tensor_value_info(n, NAMES[a.dtype][1], sizes.get(n, a.shape)) for n, a in given.items()]
    wanted = [onnx.ValueInfoProto(name=n) for n in results if n]
    graph = helper.make_graph([node], name, info, wanted, stored)
    opsets = [helper.make_opsetid("", version), helper.make_opsetid(MS, 1)]
    finish(name, helper.make_model(graph, opset_imports=opsets, ir_version=10), given, steps, compared)


def finish(name, model, given, steps, compared):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    results = session.run(None, given)
    model.graph.ClearField("output")
    named = dict(zip([o.name for o in session.get_outputs()], results))
    named = {n: a for n, a in named.items() if compared is None or n in compared}
    for output, array in named.items():
        model.graph.output.append(helper.make_tensor_value_info(output, NAMES[array.dtype][1], array.shape))
    onnx.save(model, folder / f"{name}.onnx")
    tensors = lambda arrays: [
        {"name": n, "dtype": NAMES[a.dtype][0], "shape": a.shape, "data": a.tobytes().hex()}
        for n, a in arrays.items()
    ]
    cases.append({"name": name, "inputs": tensors(given), "outputs": tensors(named), "steps": steps})


def quantization():
    x = f(3, 4, 5, scale=50)
    for kind in (np.uint8, np.int8, np.int16):
        zero = np.array(3, kind)
        case(f"quantize_{kind.__name__}", "QuantizeLinear", [x, f32(0.37), zero], domain="")
        q = random.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, (3, 4, 5)).astype(kind)
        case(f"dequantize_{kind.__name__}", "DequantizeLinear", [q, f32(0.37), zero], domain="")
    case("quantize_half", "QuantizeLinear", [half(x), half(f32(0.5)), np.array(-3, np.int8)], domain="")
    case("dequantize_half", "DequantizeLinear", [i8(3, 4), half(f32(0.37)), np.array(-3, np.int8)], domain="")
    case("dequantize_i32", "DequantizeLinear", [random.integers(-9999, 9999, (3, 4)).astype(np.int32), f32(0.01)], domain="")
    zeros = u8(4)
    case("quantize_axis", "QuantizeLinear", [x, abs(f(4)) + 0.1, zeros], domain="", axis=1)
    case("quantize_last_axis", "QuantizeLinear", [x, abs(f(5)) + 0.1, u8(5)], domain="", axis=-1)
    case("dequantize_axis", "DequantizeLinear", [u8(3, 4, 5), abs(f(4)), zeros], domain="", axis=1)
    case("quantize_blocked", "QuantizeLinear", [f(6, 8, scale=9), abs(f(3, 8)) + 0.1, u8(3, 8)], domain="", block_size=2, axis=0)
    case("dequantize_blocked", "DequantizeLinear", [i8(6, 8), f(6, 2), i8(6, 2)], domain="", block_size=4, axis=1)
    case("dequantize_rest_of_block", "DequantizeLinear", [i8(6, 7), f(6, 2), i8(6, 2)], domain="", block_size=4, axis=1)
    case("dynamic", "DynamicQuantizeLinear", [x], outputs=3, domain="")
    case("dynamic_positive", "DynamicQuantizeLinear", [abs(x) + 1], outputs=3, domain="")
    case("dynamic_zeros", "DynamicQuantizeLinear", [0 * x], outputs=3, domain="")


def products():
    for a, b in ((u8, i8), (u8, u8), (i8, i8)):
        kind = f"{a.__name__}_{b.__name__}"
        left, right = a(2, 5, 40), b(40, 33)
        zeros = [np.array(7, left.dtype), np.array(5, right.dtype)]
        case(f"matmul_integer_{kind}", "MatMulInteger", [left, right], domain="")
        case(f"matmul_integer_zeros_{kind}", "MatMulInteger", [left, right, *zeros], constants=(1,), domain="")
        case(f"qlinear_matmul_{kind}", "QLinearMatMul",
             [left, f32(0.02), zeros[0], right, f32(0.03), zeros[1], f32(0.9), np.array(11, left.dtype)], domain="", steps=1)
        x, w = a(1, 4, 9, 8), b(6, 2, 3, 3)
        case(f"qlinear_conv_{kind}", "QLinearConv",
             [x, f32(0.02), zeros[0], w, abs(f(6)) + 0.01, np.zeros(6, w.dtype), f32(0.9), np.array(11, x.dtype),
              random.integers(-900, 900, 6).astype(np.int32)], constants=(3, 4, 5, 8), domain="", group=2,
             pads=[1, 1, 0, 1], strides=[2, 1], steps=1)
    case("matmul_integer_columns", "MatMulInteger", [u8(5, 8), i8(8, 6), np.array(9, np.uint8), i8(6)], domain="")
    case("conv_integer", "ConvInteger", [u8(2, 4, 9), u8(6, 4, 3), np.array(9, np.uint8), np.array(130, np.uint8)], domain="", pads=[1, 2])
    case("conv_integer_plain", "ConvInteger", [u8(2, 4, 9), u8(6, 4, 3)], domain="", dilations=[2])
    x, w = u8(2, 5, 40), i8(40, 33)
    case("matmul_integer_to_float", "MatMulIntegerToFloat",
         [x, w, f32(0.02), f32(0.03), np.array(3, np.uint8), np.array(0, np.int8), f(33)])
    case("matmul_integer_to_float_columns", "MatMulIntegerToFloat", [x, w, f32(0.02), abs(f(33)), np.array(3, np.uint8)])
    case("dynamic_quantize_matmul", "DynamicQuantizeMatMul", [f(2, 5, 40), w, f32(0.03), np.array(0, np.int8), f(33)])
    case("qgemm", "QGemm", [u8(5, 40), f32(0.02), np.array(3, np.uint8), i8(33, 40), f32(0.01), np.array(0, np.int8),
                            random.integers(-900, 900, 33).astype(np.int32), f32(0.3), np.array(9, np.uint8)],
         transB=1, steps=1)
    case("qgemm_to_float", "QGemm", [u8(5, 40), f32(0.02), np.array(3, np.uint8), i8(40, 33), f32(0.01), np.array(0, np.int8)], alpha=0.5)


def quantized_elementwise():
    q = lambda scale, zero: [f32(scale), np.array(zero, np.uint8)]
    for op in ("QLinearAdd", "QLinearMul"):
        case(op.lower(), op, [u8(3, 4), *q(0.1, 120), u8(4), *q(0.2, 7), *q(0.5, 99)], steps=1)
    x = u8(2, 6, 5, 5)
    case("qlinear_sigmoid", "QLinearSigmoid", [x, *q(0.03, 120), *q(0.004, 0)], constants=(1, 2, 3, 4), steps=1)
    case("qlinear_leaky_relu", "QLinearLeakyRelu", [x, *q(0.03, 120), *q(0.02, 80)], constants=(1, 2, 3, 4), alpha=0.1, steps=1)
    case("qlinear_average", "QLinearGlobalAveragePool", [x, *q(0.03, 120), *q(0.01, 80)], channels_last=0, steps=1)
    case("qlinear_softmax", "QLinearSoftmax", [u8(3, 9), *q(0.03, 120), *q(0.004, 0)], constants=(1, 2, 3, 4), axis=-1, opset=13, steps=1)
    case("qlinear_concat", "QLinearConcat", [*q(0.05, 100), u8(2, 3), *q(0.03, 20), u8(2, 4), *q(0.05, 100)], constants=(0, 1, 3, 4, 6, 7), axis=1, steps=1)


def weights():
    n, k = 24, 80
    for bits in (2, 4, 8):
        for block in (16, 32):
            blocks = -(-k // block)
            w, scales = u8(n, blocks, block * bits // 8), abs(f(n, blocks)) + 0.1
            zeros = u8(n, -(-blocks * bits // 8))
            for rows in (1, 7):
                name = f"matmul_{bits}_bits_{block}_{rows}"
                settings = dict(constants=(1, 2, 3, 5), bits=bits, block_size=block, N=n, K=k)
                case(name, "MatMulNBits", [f(rows, k), w, scales], **settings)
                case(f"{name}_zeros_bias", "MatMulNBits", [f(2, rows, k), w, scales, zeros, None, f(n)], **settings)
    case("matmul_4_bits_half", "MatMulNBits", [half(f(3, k)), u8(n, 5, 8), half(abs(f(n, 5)) + 0.1)], constants=(1, 2),
         bits=4, block_size=16, N=n, K=k)
    case("matmul_4_bits_real_zeros", "MatMulNBits", [f(3, k), u8(n, 5, 8), abs(f(n, 5)) + 0.1, f(n, 5)], constants=(1, 2, 3),
         bits=4, block_size=16, N=n, K=k)


def norms():
    x, skip, scale, bias = f(2, 5, 16), f(2, 5, 16), f(16), f(16)
    case("simplified_layer_norm", "SimplifiedLayerNormalization", [x, scale], domain="", epsilon=1e-5, axis=-1)
    case("skip_layer_norm", "SkipLayerNormalization", [x, skip, scale, bias], epsilon=1e-5)
    case("skip_layer_norm_bias", "SkipLayerNormalization", [x, skip, scale, bias, f(16)], outputs=4, used=(0, 3), epsilon=1e-5)
    case("skip_layer_norm_one_row", "SkipLayerNormalization", [x, f(1, 5, 16), scale], epsilon=1e-5)
    case("skip_simplified", "SkipSimplifiedLayerNormalization", [x, skip, scale], epsilon=1e-5)
    case("skip_simplified_bias", "SkipSimplifiedLayerNormalization", [x, skip, scale, f(16)], outputs=4, used=(0, 3), epsilon=1e-5)
    case("skip_layer_norm_half", "SkipLayerNormalization", [half(a) for a in (x, skip, scale, bias)], epsilon=1e-5)
    words = random.integers(0, 30, (2, 5)).astype(np.int32)
    tables = [f(30, 16), f(12, 16), f(2, 16)]
    segments = random.integers(0, 2, (2, 5)).astype(np.int32)
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], np.int32)
    places = np.array([[3, 1, 2, 0, 11]], np.int32)
    case("embed_layer_norm", "EmbedLayerNormalization", [words, segments, *tables, scale, bias, mask], outputs=2)
    case("embed_layer_norm_plain", "EmbedLayerNormalization", [words, None, tables[0], tables[1], None, scale, bias],
         outputs=3, epsilon=1e-5)
    case("embed_layer_norm_places", "EmbedLayerNormalization", [words, segments, *tables, scale, bias, None, np.repeat(places, 2, 0)], outputs=2)


def activations():
    x = f(2, 5, 16, scale=3)
    case("gelu", "Gelu", [x])
    case("fast_gelu", "FastGelu", [x])
    case("fast_gelu_bias", "FastGelu", [x, f(16)])
    case("bias_gelu", "BiasGelu", [x, f(16)])
    case("quick_gelu", "QuickGelu", [x], alpha=1.3)


def fused():
    case("fused_matmul", "FusedMatMul", [f(2, 6, 3), f(2, 5, 6)], transA=1, transB=1, alpha=0.5)
    case("fused_matmul_batch", "FusedMatMul", [f(3, 2, 6), f(2, 6, 5)], transBatchA=1)
    case("fused_matmul_both", "FusedMatMul", [f(6, 2, 3), f(2, 5, 6)], transBatchA=1, transA=1, transB=1)
    case("fused_gemm", "FusedGemm", [f(3, 6), f(5, 6), f(5)], transB=1, activation="LeakyRelu", activation_alpha=0.2)
    case("fused_conv", "FusedConv", [f(1, 3, 8, 8), f(4, 3, 3, 3), f(4)], activation="Relu", pads=[1, 1, 1, 1])
    case("fused_conv_clip", "FusedConv", [f(1, 3, 8, 8), f(4, 3, 3, 3), f(4)], activation="Clip", activation_params=[-0.5, 0.7])
    case("fused_conv_sum", "FusedConv", [f(1, 3, 8, 8), f(4, 3, 3, 3), f(4), f(1, 4, 6, 6)], activation="HardSigmoid", activation_params=[0.3, 0.4])


def rotary():
    cos, sin = f(20, 4), f(20, 4)
    places = np.array([[3, 4, 5], [0, 1, 2]], np.int64)
    case("rotary", "RotaryEmbedding", [f(2, 3, 32), places, cos, sin])
    case("rotary_interleaved", "RotaryEmbedding", [f(2, 3, 32), places, cos, sin], interleaved=1)
    case("rotary_heads", "RotaryEmbedding", [f(2, 4, 3, 8), np.array([5], np.int64), cos, sin])
    case("rotary_part", "RotaryEmbedding", [f(2, 3, 48), places, cos, sin], num_heads=4, rotary_embedding_dim=8)


def attention():
    heads, width = 4, 8
    size = heads * width
    x, w, bias = f(2, 5, 12), f(12, 3 * size, scale=0.3), f(3 * size)
    past = f(2, 2, heads, 3, width)
    case("attention", "Attention", [x, w, bias], num_heads=heads)
    case("attention_scale", "Attention", [x, w, bias], num_heads=heads, scale=0.2, unidirectional=1)
    case("attention_lengths", "Attention", [x, w, bias, np.array([5, 3], np.int32)], num_heads=heads)
    case("attention_ends_and_starts", "Attention", [x, w, bias, np.array([5, 4, 1, 2], np.int32)], num_heads=heads)
    case("attention_mask", "Attention", [x, w, bias, random.integers(0, 2, (2, 5)).astype(np.int32)], num_heads=heads)
    rows = random.integers(0, 2, (2, 5, 5)).astype(np.int32)
    case("attention_mask_rows", "Attention", [x, w, bias, rows, None, f(2, heads, 5, 5)], num_heads=heads)
    case("attention_past", "Attention", [x, w, bias, None, past], outputs=2, num_heads=heads, unidirectional=1)
    case("attention_past_mask", "Attention", [x, w, bias, np.array([[1] * 8, [1] * 5 + [0] * 3], np.int32), past], outputs=2, num_heads=heads)
    sizes = [size, size, 24]
    case("attention_sizes", "Attention", [x, f(12, 2 * size + 24), f(2 * size + 24)], num_heads=heads, qkv_hidden_sizes=sizes)
    case("qattention", "QAttention",
         [u8(2, 5, 12), i8(12, 3 * size), bias, f32(0.02), f32(0.01), None, np.array(120, np.uint8), np.array(0, np.int8)],
         num_heads=heads)
    case("qattention_mask", "QAttention",
         [u8(2, 5, 12), i8(12, 3 * size), bias, f32(0.02), f32(0.01), np.array([5, 3], np.int32), np.array(120, np.uint8), np.array(0, np.int8)],
         constants=(1,), num_heads=heads, unidirectional=1)


def multi_head():
    heads, width = 4, 8
    size = heads * width
    q, k, v = f(2, 3, size), f(2, 6, size), f(2, 6, size)
    case("mha", "MultiHeadAttention", [q, k, v], num_heads=heads)
    case("mha_bias", "MultiHeadAttention", [q, k, v, f(3 * size)], num_heads=heads, scale=0.3)
    case("mha_other_width", "MultiHeadAttention", [q, k, f(2, 6, 20), f(2 * size + 20)], num_heads=heads)
    case("mha_causal", "MultiHeadAttention", [k, k, v], num_heads=heads, unidirectional=1)
    case("mha_mask", "MultiHeadAttention", [q, k, v, None, random.integers(0, 2, (2, 6)).astype(np.int32)], num_heads=heads)
    case("mha_lengths", "MultiHeadAttention", [q, k, v, None, np.array([6, 4], np.int32)], num_heads=heads)
    case("mha_mask_rows", "MultiHeadAttention", [q, k, v, None, random.integers(0, 2, (2, 3, 6)).astype(np.int32)], num_heads=heads)
    case("mha_added", "MultiHeadAttention", [q, k, v, None, None, f(1, heads, 3, 6)], num_heads=heads)
    case("mha_past", "MultiHeadAttention",
         [q, q, f(2, 3, size), None, None, None, f(2, heads, 4, width), f(2, heads, 4, width)], outputs=3, num_heads=heads, unidirectional=1)
    case("mha_cross_cache", "MultiHeadAttention", [q, f(2, heads, 6, width), f(2, heads, 6, width)], num_heads=heads)


def grouped():
    heads, shared, width = 4, 2, 16
    cos, sin = f(32, width // 2), f(32, width // 2)

    def inputs(batch, rows, before, lengths=None, packed=False, rotary=False, positions=None, added=None):
        total = before + rows
        lengths = np.full(batch, total) if lengths is None else np.array(lengths)
        q, k, v = f(batch, rows, heads * width), f(batch, rows, shared * width), f(batch, rows, shared * width)
        if packed:
            q, k, v = f(batch, rows, (heads + 2 * shared) * width), None, None
        past = [f(batch, shared, before, width) for _ in range(2)]
        tables = [cos, sin] if rotary else [None, None]
        return [q, k, v, *past, (lengths - 1).astype(np.int32), np.array(total, np.int32), *tables, positions, added]

    settings = dict(outputs=3, constants=(6,), num_heads=heads, kv_num_heads=shared)
    case("gqa_prompt", "GroupQueryAttention", inputs(1, 5, 0), **settings)
    case("gqa_decode", "GroupQueryAttention", inputs(1, 1, 6), **settings)
    case("gqa_packed_rotary", "GroupQueryAttention", inputs(1, 1, 6, packed=True, rotary=True), do_rotary=1, **settings)
    case("gqa_prompt_rotary", "GroupQueryAttention", inputs(1, 5, 0, rotary=True), do_rotary=1, rotary_interleaved=1, **settings)
    case("gqa_several_rows", "GroupQueryAttention", inputs(1, 3, 6, rotary=True), do_rotary=1, **settings)
    case("gqa_batch", "GroupQueryAttention", inputs(3, 1, 6, rotary=True), do_rotary=1, **settings)
    case("gqa_batch_prompt", "GroupQueryAttention", inputs(2, 4, 0, rotary=True), do_rotary=1, **settings)
    case("gqa_window", "GroupQueryAttention", inputs(1, 5, 0, rotary=True), do_rotary=1, local_window_size=3, **settings)
    case("gqa_window_decode", "GroupQueryAttention", inputs(2, 1, 6), local_window_size=4, **settings)
    case("gqa_softcap", "GroupQueryAttention", inputs(1, 5, 0), softcap=2.0, scale=0.7, **settings)
    case("gqa_positions", "GroupQueryAttention", inputs(1, 5, 0, rotary=True, positions=np.arange(5)[None]), do_rotary=1, **settings)
    case("gqa_added", "GroupQueryAttention", inputs(1, 5, 0, added=f(1, heads, 5, 5)), **settings)
    uneven = inputs(2, 1, 6, lengths=[7, 4], rotary=True)
    # Behind the keys of a shorter row, caches hold nothing that means something.
    case("gqa_uneven", "GroupQueryAttention", uneven, do_rotary=1, compared=("y0",), **settings)
    # Where the number of all keys is only known at run time, the cache may have room for more.
    settings["constants"] = ()
    case("gqa_total_at_run_time", "GroupQueryAttention", inputs(1, 1, 6, rotary=True), do_rotary=1, **settings)
    roomy = inputs(1, 1, 6, lengths=[4])
    roomy[6] = np.array(4, np.int32)
    case("gqa_roomy_cache", "GroupQueryAttention", roomy, compared=("y0",), **settings)


def recurrent():
    for op, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
        for way in ("forward", "reverse", "bidirectional"):
            recurrent_layer(op, gates, way)


def recurrent_layer(op, gates, way):
    """Every option of one layer alone, then all of them with sizes that are only known at run time."""
    lstm, ways = op == "LSTM", 2 if way == "bidirectional" else 1
    steps, batch, size, width = 5, 3, 4, 6
    outputs = 3 if lstm else 2
    weights = [f(ways, gates * width, size, scale=0.5), f(ways, gates * width, width, scale=0.5)]
    bias = f(ways, 2 * gates * width)
    lengths = np.array([5, 2, 4], np.int32)
    states = [f(ways, batch, width) for _ in range(2 if lstm else 1)]
    peepholes = [f(ways, 3 * width)] if lstm else []
    x = f(steps, batch, size)

    def layer(name, inputs, constants=(1, 2, 3, 7), **attrs):
        case(f"{op.lower()}_{way}_{name}", op, inputs, outputs=outputs, constants=[i for i in constants if i < len(inputs)],
             domain="", hidden_size=width, direction=way, **attrs)

    layer("plain", [x, *weights])
    layer("weights_at_run_time", [x, *weights, bias], constants=())
    layer("lengths", [x, *weights, bias, lengths])
    layer("states", [x, *weights, bias, None, *states])
    layer("last_only", [x, *weights, bias, lengths, *states], used=(1,))
    layer("all_steps_only", [x, *weights, bias, lengths], used=(0,))
    layer("one_step", [x[:1], *weights, bias, None, *states])
    layer("clip", [3 * x, *weights, bias], clip=0.7)
    count = {"RNN": 1, "GRU": 2, "LSTM": 3}[op]
    chosen = ["Sigmoid", "Softsign", "Tanh"][:count] + ["HardSigmoid", "Relu", "Elu"][:count] * (ways - 1)
    layer("activations", [x, *weights, bias], activations=chosen)
    parameterized = ["LeakyRelu", "HardSigmoid", "ScaledTanh"][:count] * ways
    layer("activation_parameters", [x, *weights, bias], activations=parameterized,
          activation_alpha=[0.1, 0.3, 0.8][:count] * ways, activation_beta=[0.0, 0.4, 0.9][:count] * ways)
    if op == "GRU":
        layer("reset_after", [x, *weights, bias, lengths, *states], linear_before_reset=1)
        layer("reset_after_plain", [x, *weights], linear_before_reset=1)
    if lstm:
        layer("peepholes", [x, *weights, bias, None, *states, *peepholes])
        layer("input_forget", [x, *weights, bias, lengths], input_forget=1)
    dims = {0: ["steps", "batch", size], 4: ["batch"], 5: [ways, "batch", width], 6: [ways, "batch", width]}
    layer("symbolic", [x, *weights, bias, lengths, *states, *peepholes], dims=dims)
    layer("symbolic_plain", [x, *weights], dims=dims)


def corners():
    """Options that few models use, each where another reading of the specification would give other numbers."""
    on = dict(domain="")
    case("resize_10_shrinks", "Resize", [f(1, 2, 6, 5), f32([1, 1, 0.5, 0.6])], constants=(1,), version=10, **on)
    case("resize_10_grows", "Resize", [f(1, 2, 6, 5), f32([1, 1, 1.5, 2])], constants=(1,), version=10, **on)
    case("resize_to_one", "Resize", [f(1, 2, 3, 7), None, None, np.array([1, 2, 1, 1])], constants=(3,), version=19, mode="cubic",
         coordinate_transformation_mode="pytorch_half_pixel", **on)
    for aligned in (0, 1):
        case(f"grid_cubic_border_{aligned}", "GridSample", [f(2, 3, 4, 5), f(2, 6, 6, 2, scale=2)], version=20, mode="cubic",
             padding_mode="border", align_corners=aligned, **on)
    case("pad_wraps_what_is_left", "Pad", [f(3, 5), np.array([0, -2, 1, 1])], constants=(1,), version=19, mode="wrap", **on)
    case("unique_8_bits", "Unique", [i8(4, 5) // 32], outputs=4, **on)
    case("unique_rows_8_bits", "Unique", [i8(9, 2) // 64], outputs=4, axis=0, sorted=0, **on)
    integers = lambda *values: np.array(values, np.int32)
    case("pow_of_negative_integers", "Pow", [integers(2, 1, -1, -1, 3, -2), integers(-1, -5, -3, -4, 4, 3)], **on)
    weights = [f(1, 9, 4, scale=50), f(1, 9, 3), f(1, 18)]
    case("gru_softplus_of_large", "GRU", [f(1, 2, 4), *weights], outputs=2, hidden_size=3, activations=["Softplus", "Tanh"], **on)


def functions():
    """Functions of a model: nested, with a default, an attribute passed on, an operand left out, and a branch inside."""
    text = """<ir_version: 10, opset_import: ["": 21, "own": 1]>
functions (float[3, 4] x, float[4] b, float[1] low) => (float[3, 4] y0, float[3, 4] y1, float[3, 4] y2) {
    y0 = own.Outer <slope: float = 0.5> (x, b)
    y1 = own.Outer (x, b, low)
    y2 = own.Leaky (y1)
}
<domain: "own", opset_import: ["": 18]>
Leaky <alpha: float = 0.3> (x) => (y) { y = LeakyRelu <alpha: float = @alpha> (x) }
<domain: "own", opset_import: ["": 21, "own": 1]>
Outer <slope: float = 0.2> (x, b, low) => (y) {
    limit = Constant <value_float: float = @slope> ()
    sum = ReduceSum <keepdims = 0> (b)
    large = Greater (sum, limit)
    chosen = If (large) <
        then_branch = yes () => (r) { r = own.Leaky <alpha: float = @slope> (x) },
        else_branch = no () => (r) { r = Neg (x) }
    >
    clipped = Clip (chosen, low)
    y = Add (clipped, b)
}
"""
    model = onnx.parser.parse_model(text)
    # A tensor of rank 0, which the text form has no way to write for an input.
    model.graph.input[2].type.tensor_type.shape.ClearField("dim")
    finish("functions", model, {"x": f(3, 4), "b": abs(f(4)), "low": f32(-0.2)}, 0, None)


def main():
    global folder
    folder = Path(sys.argv[1])
    for group in (quantization, products, quantized_elementwise, weights, norms, activations, fused, rotary, attention, multi_head, grouped, recurrent, corners, functions):
        group()
    (folder / "cases.json").write_text(json.dumps(cases))


main()
