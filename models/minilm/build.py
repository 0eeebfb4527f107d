"""Writes the weights that minilm.onnx refers to, from the installed Python package.

Usage: python build.py [--one-file-per-tensor FOLDER]

Without an option: minilm.onnx.data beside this file. With it: a copy of the model in FOLDER
whose weights lie in one file each, the layout some exporters use for large models.
"""

import argparse
import hashlib
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import safe_open

from weights import PACKAGE, weights_file

HERE = Path(__file__).parent


def is_built(path, recipe):
    if not path.exists() or path.stat().st_size != recipe["length"]:
        return False
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest() == recipe["sha256"]


def write_weights(recipe, out):
    tensors = recipe["tensors"]
    with safe_open(weights_file(), framework="np") as stored:
        for done, tensor in enumerate(tensors, 1):
            array = stored.get_tensor(tensor["key"])
            contents = np.ascontiguousarray(array.T if tensor["transpose"] else array)
            if contents.nbytes != tensor["length"] or out.tell() != tensor["offset"]:
                raise SystemExit(f"minilm: {tensor['key']} has another size than {PACKAGE} has")
            out.write(contents.data)
            if done % 25 == 0 or done == len(tensors):
                print(f"minilm: {done}/{len(tensors)} weights, {out.tell() >> 20} MiB", flush=True)


def build(recipe):
    target = HERE / recipe["data"]
    if is_built(target, recipe):
        print(f"minilm: {target.name} is up to date")
        return target
    # Renamed when whole, so that an interrupted run leaves no half-written weights.
    with tempfile.NamedTemporaryFile(dir=HERE, suffix=".data", delete=False) as out:
        unfinished = Path(out.name)
        try:
            write_weights(recipe, out)
            out.flush()
            if not is_built(unfinished, recipe):
                raise SystemExit(f"minilm: the weights are not those of {PACKAGE}")
            unfinished.chmod(0o644)
            os.replace(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)
    return target


def write_one_file_per_tensor(recipe, data, folder):
    import onnx
    from onnx.external_data_helper import set_external_data

    folder.mkdir(parents=True, exist_ok=True)
    model = onnx.load(HERE / "minilm.onnx", load_external_data=False)
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    with data.open("rb") as source:
        for tensor in recipe["tensors"]:
            name = tensor["initializer"]
            source.seek(tensor["offset"])
            (folder / name).write_bytes(source.read(tensor["length"]))
            # onnx sets external data only from a tensor that still holds its bytes.
            initializers[name].raw_data = b"."
            set_external_data(initializers[name], name)
            initializers[name].ClearField("raw_data")
    onnx.save(model, folder / "minilm.onnx")
    print(f"minilm: {len(recipe['tensors'])} weight files in {folder}")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--one-file-per-tensor", type=Path, metavar="FOLDER")
    folder = options.parse_args().one_file_per_tensor
    recipe = json.loads((HERE / "recipe.json").read_text())
    data = build(recipe)
    if folder:
        write_one_file_per_tensor(recipe, data, folder)


main()
