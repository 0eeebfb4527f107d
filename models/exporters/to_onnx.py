"""PyTorch modules to ONNX files, by either of PyTorch's exporters."""

import re

import numpy as np
import onnx
import onnxruntime
import torch

EXPORTERS = ("ts", "dyn")
ONLY_FATAL = 4


def export(spec, path, exporter, opset, external=False):
    """Writes a file; weights beside it where `external`, which more than 2 GB need."""
    with torch.no_grad():
        if exporter == "ts":
            by_tracing(spec, path, opset)
        else:
            by_dynamo(spec, path, opset, external)
    if not external:
        model = onnx.load(path)
        drop_descriptions(model)
        onnx.save(model, path)


def by_tracing(spec, path, opset):
    named = spec.named_inputs()
    dims = {name: spec.dims.get(name.split(".")[0], {}) for name in named}
    torch.onnx.export(
        spec.module, tuple(spec.inputs.values()), path, dynamo=False, opset_version=opset,
        input_names=list(named), output_names=spec.outputs, dynamic_axes={n: d for n, d in dims.items() if d},
    )


def by_dynamo(spec, path, opset, external):
    dynamo_program(spec, opset, optimize=True).save(path, external_data=external)


def dynamo_program(spec, opset, optimize):
    def dims(name, value):
        own = spec.dims.get(name, {})
        return [dict(own) for _ in value] if isinstance(value, list) else dict(own)

    # Argument names matter only where there are dimensions to name.
    shapes = {name: dims(name, value) for name, value in spec.inputs.items()} if spec.dims else None
    return torch.onnx.export(
        spec.module, tuple(spec.inputs.values()), None, dynamo=True, opset_version=opset,
        input_names=list(spec.named_inputs()), output_names=spec.outputs, dynamic_shapes=shapes,
        optimize=optimize, verbose=False,
    )


def drop_descriptions(model):
    """Drops what nobody reads: positions in Python sources, and lists of what a graph was made from.

    Names of nodes and of the modules that they come from stay: adapters find their places by them.
    """
    kept = re.compile(r"name_scopes$")
    holders = [model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info]
    for holder in [model, *holders, *model.graph.input, *model.graph.output]:
        entries = [entry for entry in holder.metadata_props if kept.search(entry.key)]
        del holder.metadata_props[:]
        holder.metadata_props.extend(entries)
        holder.doc_string = ""


def opset(path):
    """The operator set that a file has: exporters do not always give the one that they were asked for."""
    imports = onnx.load(path, load_external_data=False).opset_import
    return next(entry.version for entry in imports if entry.domain in ("", "ai.onnx"))


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ONLY_FATAL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def seen_rows(result, mask):
    """The part of a result that belongs to tokens with something to attend to.

    A row of the causal mask that padding hides whole has no defined attention, and the exporters differ on it.
    """
    if mask is None:
        return result
    seen = (mask.cumsum(1) > 0).numpy()
    if result.ndim == 4:
        result = np.swapaxes(result, 1, 2)
    return result[seen] if result.shape[:2] == seen.shape else result


def difference(path, spec):
    """The largest difference between a file in onnxruntime and PyTorch, relative to the magnitude of each output."""
    runner = session(path)
    named = spec.named_inputs()
    given = {name: tensor.numpy() for name, tensor in named.items()}
    results = runner.run(spec.outputs, {i.name: given[i.name] for i in runner.get_inputs()})
    worst = 0.0
    for result, reference in zip(results, spec.run().values()):
        reference = reference.numpy().astype(np.float64)
        assert result.shape == reference.shape, f"{result.shape} is not {reference.shape}"
        assert np.isfinite(reference).all()
        result, reference = (seen_rows(values, named.get("attention_mask")) for values in (result, reference))
        worst = max(worst, np.abs(result - reference).max() / max(np.abs(reference).max(), 1e-30))
    return worst
