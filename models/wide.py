"""A graph with weights of every kind that linear layers have, as large as wanted: how much memory does its compilation take?

Example: python models/wide.py --layers 12 --width 1024 --dtype f16 /tmp/wide.onnx
"""

import argparse
import sys
from pathlib import Path

from onnx import TensorProto, checker, helper

sys.path.insert(0, str(Path(__file__).parent))
from exporters import filling  # noqa: E402

TYPES = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16}
VOCABULARY = 4000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dtype", choices=TYPES, default="f32")
    parser.add_argument("path", type=Path)
    return parser.parse_args()


def graph(layers, width, dtype):
    """Embedding; per layer a matrix that lies [in, out] and one that lies [out, in]; the embedding again, turned."""
    nodes, weights = [], []

    def weight(name, *dims):
        # Without data, whose place `filling.put_aside` finds.
        tensor = TensorProto(name=name, dims=dims, data_type=dtype, data_location=TensorProto.EXTERNAL)
        weights.append(tensor)
        return name

    def node(kind, operands, result, **attributes):
        nodes.append(helper.make_node(kind, operands, [result], **attributes))
        return result

    table = weight("embedding.weight", VOCABULARY, width)
    x = node("Gather", [table, "ids"], "x")
    for layer in range(layers):
        up = node("MatMul", [x, weight(f"{layer}.up", width, 4 * width)], f"up_{layer}")
        active = node("Relu", [up], f"active_{layer}")
        down = weight(f"{layer}.down", width, 4 * width)
        y = node("Gemm", [active, down, weight(f"{layer}.bias", width)], f"down_{layer}", transB=1)
        x = node("Add", [x, y], f"x_{layer}")
    node("MatMul", [x, node("Transpose", [table], "turned", perm=[1, 0])], "logits")
    return helper.make_graph(
        nodes, "wide", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["tokens"])],
        [helper.make_tensor_value_info("logits", dtype, ["tokens", VOCABULARY])], weights,
    )


def main():
    given = arguments()
    model = helper.make_model(
        graph(given.layers, given.width, TYPES[given.dtype]), opset_imports=[helper.make_opsetid("", 20)], ir_version=10,
    )
    given.path.write_bytes(filling.put_aside(model, given.path.name + ".data").SerializeToString())
    written = filling.fill(given.path)
    checker.check_model(given.path)
    print(f"{given.path}: {written} bytes of weights beside it")


main()
