"""Models that do not fit into memory: a graph without weights, then random weights drawn into its data file."""

import contextlib

import onnx_ir as ir
import onnxscript.optimizer
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from . import catalog, filling, to_onnx


@contextlib.contextmanager
def without_weights(dtype):
    """Modules that are made inside have parameters of this type without content; buffers are computed."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    plain = nn.Module.register_parameter

    def register(module, name, parameter):
        if parameter is not None:
            with mode:
                parameter = nn.Parameter(torch.empty(parameter.shape, dtype=parameter.dtype), requires_grad=False)
        plain(module, name, parameter)

    before = torch.get_default_dtype()
    nn.Module.register_parameter = register
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        nn.Module.register_parameter = plain
        torch.set_default_dtype(before)


def write(name, given, path):
    """A graph and its data file; bytes of the weights."""
    with without_weights(torch.float16 if given.dtype == "f16" else torch.float32):
        spec = catalog.build(name, given.size, given.layers)
    model = graph(spec, given.opset)
    to_onnx.drop_descriptions(model)
    path.write_bytes(filling.put_aside(model, path.name + ".data").SerializeToString())
    return filling.fill(path)


def graph(spec, opset):
    """The graph as the dynamo exporter leaves it, with places for the weights that it did not get."""
    with torch.no_grad():
        model = to_onnx.dynamo_program(spec, opset, optimize=False).model
    empty = [value for value in model.graph.initializers.values() if isinstance(value.const_value.raw, FakeTensor)]
    for value in empty:
        value.dtype, value.shape, value.const_value = value.const_value.dtype, value.const_value.shape, None
    onnxscript.optimizer.optimize_ir(model)
    for value in model.graph.initializers.values():
        if value.const_value is None:
            value.const_value = outside(value.name, value.dtype, value.shape)
    turn_weights(model.graph)
    return ir.to_proto(model)


def outside(name, dtype, shape):
    """A tensor that lies in some file."""
    return ir.ExternalTensor(name, 0, 0, dtype, shape=ir.Shape(shape), name=name)


def turn_weights(graph):
    """Weights of linear layers lie [in, out], as where the exporter knows their content and folds the transposition."""
    for node in list(graph):
        weight = node.inputs[0] if node.op_type == "Transpose" else None
        if weight is None or not isinstance(weight.const_value, ir.ExternalTensor):
            continue
        shape = [weight.shape[axis] for axis in node.attributes["perm"].as_ints()]
        name = f"{weight.name}.turned"
        content = outside(name, weight.dtype, shape)
        turned = ir.Value(name=name, type=weight.type, shape=content.shape, const_value=content)
        ir.convenience.replace_all_uses_with(node.outputs[0], turned)
        graph.register_initializer(turned)
        graph.remove(node, safe=True)
        if not weight.uses():
            del graph.initializers[weight.name]
