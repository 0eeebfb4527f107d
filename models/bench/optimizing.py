"""The graph optimizers: each optimizes a model in a process of its own, which this module also is.

Usage: optimizing.py OPTIMIZER MODEL

Prints one line of JSON: seconds to optimize, and the nodes of the graph before and after; constants are not counted. What the
seconds include is in `OPTIMIZERS`.
"""

import contextlib
import json
import os
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from engines import output_of, timed


@dataclass
class Optimizer:
    """How an optimizer is shown, the package whose version it has, what its time includes, and whether it uses many cores."""

    shown: str
    package: str
    time: str
    threads: bool = False


OPTIMIZERS = {
    "m4c": Optimizer("m4c", "", "`rewrite` and `extract` of one compilation"),
    "m4c-whole": Optimizer("m4c, one piece", "", "the same, with no block cut out"),
    "onnxsim": Optimizer("onnxsim", "onnxsim", "`onnxsim.simplify` on a loaded model", threads=True),
    "onnxslim": Optimizer("onnxslim", "onnxslim", "`onnxslim.slim` on a loaded model"),
    "onnxruntime": Optimizer(
        "onnxruntime", "onnxruntime",
        "making a session with all optimizations but prepacking: it loads", threads=True,
    ),
    "transformers": Optimizer(
        "onnxruntime.transformers", "onnxruntime",
        "`optimize_model` on a loaded model with its fusions alone, which are in Python: its other levels need PyTorch",
    ),
    "tract": Optimizer("tract", "tract-onnx", "`declutter` and `optimize` on a typed model"),
}
# What onnxruntime.transformers is told a model is. It has no LLaMA, and its own scripts for it say GPT-2.
KINDS = {"img_enc": "vit", "sd_unet": "unet", "llama_prefill": "gpt2", "llama_decode": "gpt2"}


def node_count(model):
    """Nodes of a model and of the graphs inside it; constants are not counted."""
    import onnx

    def inside(graph):
        nodes = [node for node in graph.node if node.op_type != "Constant"]
        graphs = [
            graph for node in nodes for attribute in node.attribute
            for graph in (*attribute.graphs, *([attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else []))
        ]
        return len(nodes) + sum(map(inside, graphs))

    return inside(model.graph)


def smallest():
    """A model of one node."""
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", "x", "y")], "smallest", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def on_a_loaded_model(importing):
    """An optimizer of loaded models from a function that imports it. To import is not timed, nor what a first model starts."""
    def run(path):
        import onnx

        optimize = importing(path)
        optimize(smallest())
        model = onnx.load(path)
        before = node_count(model)
        seconds, made = timed(lambda: optimize(model))
        return seconds, before, node_count(made)

    return run


@on_a_loaded_model
def onnxsim(_):
    from onnxsim import simplify

    return lambda model: simplify(model)[0]


@on_a_loaded_model
def onnxslim(_):
    from onnxslim import slim

    return slim


@on_a_loaded_model
def transformers(path):
    from onnxruntime.transformers.optimizer import optimize_model

    # It reads from the graph what is 0.
    options = {"model_type": KINDS[Path(path).parent.name], "num_heads": 0, "hidden_size": 0, "opt_level": 0}
    return lambda model: optimize_model(model, **options).model


def onnxruntime(path):
    import onnx
    import onnxruntime as ort

    def session(level, model=path, written=None):
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        options.log_severity_level = 4
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        # To pack weights is no work on the graph.
        options.add_session_config_entry("session.disable_prepacking", "1")
        if written:
            options.optimized_model_filepath = str(written)
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    levels = ort.GraphOptimizationLevel
    # The first session of a process pays for what later ones find ready. One without optimizations only loads.
    session(levels.ORT_ENABLE_ALL, smallest().SerializeToString())
    plain, _ = timed(lambda: session(levels.ORT_DISABLE_ALL))
    optimized, _ = timed(lambda: session(levels.ORT_ENABLE_ALL))
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "optimized.onnx"
        session(levels.ORT_ENABLE_ALL, written=written)
        after = node_count(onnx.load(written, load_external_data=False))
    return optimized, node_count(onnx.load(path)), after, {"load": plain}


PYTHON = {"onnxsim": onnxsim, "onnxslim": onnxslim, "onnxruntime": onnxruntime, "transformers": transformers}


def version(name, binaries):
    """The version of an optimizer, or None where it is not there."""
    if name == "m4c":
        return output_of([binaries["m4c"], "--version"]).split()[1] if binaries["m4c"].exists() else None
    if name in binaries:
        if not binaries[name].exists():
            return None
        locked = tomllib.loads((Path(__file__).resolve().parents[2] / "Cargo.lock").read_text())["package"]
        return next((one["version"] for one in locked if one["name"] == OPTIMIZERS[name].package), "")
    import importlib.metadata

    try:
        return importlib.metadata.version(OPTIMIZERS[name].package)
    except importlib.metadata.PackageNotFoundError:
        return None


def measure(name, model, binaries, cores, limit):
    """Starts a process that optimizes and ends within so many seconds; gives seconds, and nodes before and after."""
    bound = ["taskset", "--cpu-list", cores]
    if name == "m4c":
        with tempfile.TemporaryDirectory() as folder:
            command = [binaries[name], "compile", model, "-o", Path(folder) / "model.m4fw", "--json"]
            program = json.loads(output_of([*bound, *command], limit))["programs"][0]
        seconds = dict(program["seconds"])
        nodes = {"before": program["onnx_nodes"], "after": program["nodes"]}
        return {"seconds": seconds["rewrite"] + seconds["extract"], **nodes, "parts": seconds}
    if name == "m4c-whole":
        found = json.loads(output_of([*bound, binaries[name], model, "whole"], limit))
        return {"seconds": sum(times[0] for times in found["seconds"].values()), **found["nodes"]}
    if name == "tract":
        return tract([*bound, binaries[name], model], model, limit)
    return json.loads(output_of([*bound, sys.executable, __file__, name, model], limit))


def tract(command, model, limit):
    """Sizes are those that the file declares, or, where tract does not take these, those of the example inputs."""
    refused = {}
    try:
        found = json.loads(output_of(command, limit))
    except RuntimeError as error:
        import numpy as np

        refused = {"symbolic_sizes": reason(error, model)}
        with np.load(model.with_name("inputs.npz")) as arrays:
            sizes = [f"{name}={'x'.join(map(str, arrays[name].shape))}" for name in arrays.files]
        found = json.loads(output_of([*command, *sizes], limit))
    seconds, nodes = found["seconds"], found["nodes"]
    return {
        "seconds": seconds["declutter"] + seconds["optimize"], "before": nodes["typed"], "after": nodes["optimized"],
        "parts": seconds, **refused,
    }


def reason(error, model):
    """The last line that a process printed, without the folders that the model is in."""
    return str(error).strip().splitlines()[-1].strip().replace(f"{model.parent}{os.sep}", "")


def stages(binary, model, runs, cores, limit):
    """What m4c's time is made of, of each of some runs in one process."""
    return json.loads(output_of(["taskset", "--cpu-list", cores, binary, model, "pieces", runs], limit))


def main():
    name, path = sys.argv[1:3]
    # Some optimizers print what they do.
    with contextlib.redirect_stdout(sys.stderr):
        seconds, before, after, *parts = PYTHON[name](path)
    print(json.dumps({"seconds": seconds, "before": before, "after": after, "parts": parts[0] if parts else {}}))


if __name__ == "__main__":
    main()
