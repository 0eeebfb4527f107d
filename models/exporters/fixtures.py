"""Files of a model's folder."""

import json

import numpy as np
import onnx

from . import catalog, filling, lora, modules, streamed, to_onnx, torchscript, variants

# The exporters and opsets of every part of M4 in the repository, and further ones of some.
EVERY = (("ts", 17), ("dyn", 20))
OTHERS = {
    # Attention, RMSNormalization, RotaryEmbedding and GroupNormalization; normalization from its parts.
    "img_enc": (("ts", 14),),
    "imu_enc": (("dyn", 23),),
    "llama_decode": (("dyn", 23),),
    "llama2_gqa_prefill_sdpa": (("dyn", 23),),
    "sd_vae_dec": (("dyn", 23),),
}
HALF = {
    "img_enc": (("ts", 17), ("dyn", 20)),
    "llama_decode": (("ts", 17), ("dyn", 20)),
    "llama_prefill": (("dyn", 20),),
    "audi_enc": (("ts", 17), ("dyn", 20)),
    "audi_dec_step": (("dyn", 20),),
    "sd_vae_dec": (("dyn", 20),),
}
# Of these models every form in `variants`, from both exporters' files.
WITH_VARIANTS = ("img_enc", "llama_decode", "audi_enc")
# Graphs with all layers and without weights.
DEEP = ("img_enc", "llama_decode")
# Constants of no more elements say what a node does.
FEW_ELEMENTS = 16
TOLERANCE = {"f32": 1e-5, "f16": 2e-2}


def write_arrays(path, arrays):
    np.savez_compressed(path, **{name: tensor.numpy() for name, tensor in arrays.items()})


def write_values(spec, folder):
    """Inputs, outputs and counts."""
    write_arrays(folder / "inputs.npz", spec.named_inputs())
    write_arrays(folder / "expected.npz", spec.run())
    (folder / "expected.json").write_text(json.dumps(modules.count(spec), indent=1) + "\n")


def write_model(spec, path, exporter, opset, dtype="f32", external=False):
    to_onnx.export(spec, path, exporter, opset, external)
    off, found = to_onnx.difference(path, spec), to_onnx.opset(path)
    other = "" if found == opset else f", opset {found} in spite of the wish"
    print(f"{path.parent.name}/{path.name}: {path.stat().st_size} bytes, off by {off:.1e}{other}", flush=True)
    assert off <= TOLERANCE[dtype], f"{path} is off by {off}"


def file_name(exporter, opset, form=None):
    return f"{exporter}-op{opset}" + (f"-{form}" if form else "") + ".onnx"


def write_export(name, given):
    """What the command line asks for."""
    folder = given.out / name
    folder.mkdir(parents=True, exist_ok=True)
    spec = catalog.build(name, given.size, given.layers)
    if given.dtype == "f16":
        spec = spec.to_half()
    path = folder / export_name(given)
    external = given.size == "full"
    if given.export_only:
        write_arrays(folder / "inputs.npz", spec.named_inputs())
        to_onnx.export(spec, path, given.exporter, given.opset, external)
        print(f"{name}/{path.name}: {path.stat().st_size} bytes, not checked", flush=True)
    else:
        write_values(spec, folder)
        write_model(spec, path, given.exporter, given.opset, given.dtype, external)
    for variant in given.variant:
        variants.write(variant, spec, path, folder / file_name(given.exporter, given.opset, variant))


def export_name(given):
    return file_name(given.exporter, given.opset, "f16" if given.dtype == "f16" else None)


def write_streamed(name, given):
    """The same for weights that do not fit into memory: nothing to compare with."""
    path = given.out / name / export_name(given)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = streamed.write(name, given, path)
    print(f"{name}/{path.name}: {path.stat().st_size} bytes, {written} bytes of weights beside it", flush=True)


def write(name, root):
    """What the repository has of a model."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    spec = catalog.build(name, "tiny")
    write_values(spec, folder)
    exports = EVERY[:1] if name.startswith("contrast/") else EVERY + OTHERS.get(name, ())
    for exporter, opset in exports:
        write_model(spec, folder / file_name(exporter, opset), exporter, opset)
    if name == "img_enc":
        torchscript.export(spec, folder / "img_enc.torchscript.pt")
    if name in WITH_VARIANTS:
        for exporter, opset in EVERY:
            for variant in variants.MAKERS:
                source = folder / file_name(exporter, opset)
                variants.write(variant, spec, source, folder / file_name(exporter, opset, variant))
    # Last: it changes the module.
    if name in HALF:
        half = spec.to_half()
        for exporter, opset in HALF[name]:
            write_model(half, folder / file_name(exporter, opset, "f16"), exporter, opset, "f16")


def write_deep(root):
    """Graphs with all layers; the file that their weights lie in is not written."""
    folder = root / "depth"
    folder.mkdir(parents=True, exist_ok=True)
    for name in DEEP:
        path = folder / f"{name}.onnx"
        to_onnx.export(catalog.build(name, "depth"), path, "dyn", 20)
        onnx.save(without_weights(onnx.load(path), path.name), path)


def without_weights(model, name):
    """The bare graph, with places for its weights in the data file of that name."""
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) > FEW_ELEMENTS:
            for field in ("raw_data", "float_data"):
                tensor.ClearField(field)
            tensor.data_location = onnx.TensorProto.EXTERNAL
    return filling.put_aside(model, f"{name}.data")


def write_adapters(root):
    """The adapters of the models in the repository, and the weights that they change."""
    folder = root / "adapters"
    folder.mkdir(parents=True, exist_ok=True)
    llama = catalog.build("llama_prefill", "tiny").module.m
    vit = catalog.build("vit_base", "tiny").module.m
    imu = catalog.build("imu_enc", "tiny").module
    lora.write_base(llama, folder / "llama_base.safetensors")
    lora.write_base(vit, folder / "vit_base.safetensors")
    lora.write_adapter(llama, lora.QUERY_VALUE, folder / "llama_qv_r4")
    lora.write_adapter(llama, lora.ALL_PROJECTIONS, folder / "llama_qkvo_r32")
    lora.write_adapter(vit, lora.QUERY_VALUE_ENCODER, folder / "vit_qv_r4")
    lora.write_adapter(imu, lora.PACKED, folder / "imu_mha_r4")
