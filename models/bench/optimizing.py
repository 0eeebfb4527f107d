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
import time
from dataclasses import dataclass
from pathlib import Path

from engines import output_of, timed


@dataclass
class Optimizer:
    """How an optimizer is shown, the package whose version it has, and what its time includes."""

    shown: str
    package: str
    time: str


OPTIMIZERS = {
    "m4c": Optimizer("m4c", "", "`rewrite` and `extract` of one compilation"),
    "m4c-whole": Optimizer("m4c, one piece", "", "the same, with no block cut out"),
    "onnxsim": Optimizer("onnxsim", "onnxsim", "`onnxsim.simplify` on a loaded model"),
    "onnxslim": Optimizer("onnxslim", "onnxslim", "`onnxslim.slim` on a loaded model"),
    "onnxruntime": Optimizer(
        "onnxruntime", "onnxruntime",
        "making a session with all optimizations but prepacking: it loads",
    ),
    "transformers": Optimizer(
        "onnxruntime.transformers", "onnxruntime", "`optimize_model` from the file with fusions in Python alone: it loads",
    ),
    "tract": Optimizer("tract", "", "`declutter` and `optimize` on a typed model"),
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


def on_a_loaded_model(optimize):
    def run(path):
        import onnx

        model = onnx.load(path)
        before = node_count(model)
        seconds, made = timed(lambda: optimize(model))
        return seconds, before, node_count(made)

    return run


@on_a_loaded_model
def onnxsim(model):
    import onnxsim

    made, same = onnxsim.simplify(model)
    assert same
    return made


@on_a_loaded_model
def onnxslim(model):
    import onnxslim

    return onnxslim.slim(model)


def onnxruntime(path):
    import onnx
    import onnxruntime as ort

    def session(level, written=None):
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        options.log_severity_level = 4
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        # To pack weights is no work on the graph.
        options.add_session_config_entry("session.disable_prepacking", "1")
        if written:
            options.optimized_model_filepath = str(written)
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    levels = ort.GraphOptimizationLevel
    # The first session of a process pays for what later ones find ready. One without optimizations only loads.
    session(levels.ORT_DISABLE_ALL)
    plain, _ = timed(lambda: session(levels.ORT_DISABLE_ALL))
    optimized, _ = timed(lambda: session(levels.ORT_ENABLE_ALL))
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "optimized.onnx"
        session(levels.ORT_ENABLE_ALL, written)
        after = node_count(onnx.load(written, load_external_data=False))
    return optimized, node_count(onnx.load(path)), after, {"load": plain}


def transformers(path):
    import onnx
    from onnxruntime.transformers import optimizer

    kind = KINDS[Path(path).parent.name]
    seconds, made = timed(lambda: optimizer.optimize_model(path, kind, num_heads=0, hidden_size=0, opt_level=0))
    return seconds, node_count(onnx.load(path)), node_count(made.model)


PYTHON = {
    "onnxsim": onnxsim, "onnxslim": onnxslim, "onnxruntime": onnxruntime, "transformers": transformers,
}


def version(name, binaries):
    """The version of an optimizer, or None where it is not there."""
    if name == "m4c":
        return output_of([binaries["m4c"], "--version"]).split()[1] if binaries["m4c"].exists() else None
    if name in binaries:
        return "" if binaries[name].exists() else None
    import importlib.metadata

    try:
        return importlib.metadata.version(OPTIMIZERS[name].package)
    except importlib.metadata.PackageNotFoundError:
        return None


def measure(name, model, binaries, cores):
    """Starts a process that optimizes; gives seconds, and nodes before and after."""
    bound = ["taskset", "--cpu-list", cores]
    if name == "m4c":
        with tempfile.TemporaryDirectory() as folder:
            command = [binaries[name], "compile", model, "-o", Path(folder) / "model.m4fw", "--json"]
            program = json.loads(output_of([*bound, *command]))["programs"][0]
        seconds = dict(program["seconds"])
        parts = {key: seconds[key] for key in ("rewrite", "extract")}
        nodes = {"before": program["onnx_nodes"], "after": program["nodes"]}
        return {"seconds": sum(parts.values()), **nodes, "parts": parts}
    if name == "m4c-whole":
        found = json.loads(output_of([*bound, binaries[name], model, "whole"]))
        return {"seconds": sum(times[0] for times in found["seconds"].values()), **found["nodes"]}
    if name == "tract":
        return tract(binaries[name], model, bound)
    return json.loads(output_of([*bound, sys.executable, __file__, name, model]))


def tract(binary, model, bound):
    """Sizes are those that the file declares, or, where tract does not take these, those of the example inputs."""
    try:
        found, fixed = json.loads(output_of([*bound, binary, model])), False
    except RuntimeError:
        import numpy as np

        with np.load(model.with_name("inputs.npz")) as arrays:
            sizes = [f"{name}={'x'.join(map(str, arrays[name].shape))}" for name in arrays.files]
        found, fixed = json.loads(output_of([*bound, binary, model, *sizes])), True
    seconds, nodes = found["seconds"], found["nodes"]
    return {
        "seconds": seconds["declutter"] + seconds["optimize"], "before": nodes["typed"], "after": nodes["optimized"],
        "parts": seconds, "fixed_sizes": fixed,
    }


def stages(binary, model, runs, cores):
    """What m4c's time is made of, of each of some runs in one process."""
    return json.loads(output_of(["taskset", "--cpu-list", cores, binary, model, "pieces", runs]))


def main():
    name, path = sys.argv[1:3]
    # Some optimizers print what they do.
    with contextlib.redirect_stdout(sys.stderr):
        seconds, before, after, *parts = PYTHON[name](path)
    print(json.dumps({"seconds": seconds, "before": before, "after": after, "parts": parts[0] if parts else {}}))


if __name__ == "__main__":
    main()
