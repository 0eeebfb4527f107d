"""Merges LoRA adapters into ONNX models in f64, for another engine to run.

Usage: merge_adapter.py JOBS.json

JOBS.json is a list of {"model": ..., "adapter": ..., "merged": ...}: an ONNX file, a folder as peft saves it, and the ONNX
file to write. Modules are found by what the exporters of PyTorch leave on nodes; each must be found once.
"""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import load_file


def scope(node):
    """The module that a node came from."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            return ast.literal_eval(entry.value)[-2]
    return ".".join(node.name.strip("/").split("/")[:-1])


def changes(folder):
    """Module to its change [outputs, inputs] in f64."""
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = {name.removeprefix("base_model.model."): array.astype(np.float64) for name, array in load_file(folder / "adapter_model.safetensors").items()}
    scale = config["lora_alpha"] / config["r"]
    return {
        name.removesuffix(".lora_A.weight"): scale * tensors[name.replace("lora_A", "lora_B")] @ down
        for name, down in tensors.items() if name.endswith(".lora_A.weight")
    }


def merge(model, folder):
    graph = model.graph
    weights = {initializer.name: initializer for initializer in graph.initializer}
    products = [node for node in graph.node if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights]
    for module, change in changes(folder).items():
        # Packed attention has its projections in one module.
        names = (module, module.removesuffix(".base_layer.out_proj"))
        found = []
        for node in products:
            shape = list(weights[node.input[1]].dims)
            turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            fits = shape == list(change.shape if turned else change.T.shape)
            if fits and any(scope(node) == name or scope(node).endswith("." + name) for name in names):
                found.append((node, turned))
        if len(found) != 1:
            sys.exit(f"{module}: {[node.name for node, _ in found]} are {len(found)} nodes, not one")
        (node, turned), = found
        initializer = weights[node.input[1]]
        weight = numpy_helper.to_array(initializer).astype(np.float64) + (change if turned else change.T)
        initializer.CopyFrom(numpy_helper.from_array(weight.astype(np.float32), initializer.name))


for job in json.loads(Path(sys.argv[1]).read_text()):
    model = onnx.load(job["model"])
    merge(model, Path(job["adapter"]))
    onnx.save(model, job["merged"])
