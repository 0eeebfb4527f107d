"""Exports MiniLM to ONNX and splits it into a small graph and a recipe for its weights.

Usage: python export.py [FOLDER]    (README.md names the packages it needs)
"""

import hashlib
import json
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.external_data_helper import set_external_data
from safetensors.numpy import load_file
from torch import nn
from transformers import AutoModel, AutoTokenizer

from weights import PACKAGE, model_folder, weights_file

DATA_FILE = "minilm.onnx.data"
SMALLEST_EXTERNAL = 1024
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "sentence_embedding"
SENTENCES = [
    "A photo of a car parked on the street.",
    "An automobile is standing by the roadside.",
    "The human is walking upstairs.",
    "Translate the following sentence from English to German.",
    "Mobile foundation models can be served as firmware.",
]


class SentenceEncoder(nn.Module):
    def __init__(self, bert):
        super().__init__()
        self.m = bert

    def forward(self, input_ids, attention_mask, token_type_ids):
        hidden = self.m(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, p=2, dim=1)


def export(encoder, inputs):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.onnx"
        axes = {name: {0: "batch", 1: "seq"} for name in INPUTS} | {OUTPUT: {0: "batch"}}
        torch.onnx.export(
            encoder, inputs, path, dynamo=False, opset_version=17,
            input_names=INPUTS, output_names=[OUTPUT], dynamic_axes=axes,
        )
        return onnx.load(path)


def find_source(array, stored):
    """The exporter renames and transposes weights, so only their values tell where they came from."""
    for key, candidate in stored.items():
        if np.array_equal(candidate, array):
            return key, False
        if array.ndim == 2 and np.array_equal(candidate.T, array):
            return key, True
    raise SystemExit("minilm: an exported weight is not in the package's weights")


def split(model, stored):
    """Turns large initializers into references to the data file, and returns how to make that file."""
    tensors, offset, digest = [], 0, hashlib.sha256()
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) <= SMALLEST_EXTERNAL:
            continue
        key, transpose = find_source(numpy_helper.to_array(tensor), stored)
        length = len(tensor.raw_data)
        digest.update(tensor.raw_data)
        set_external_data(tensor, DATA_FILE, offset, length)
        tensor.ClearField("raw_data")
        tensors.append({
            "initializer": tensor.name, "key": key, "transpose": transpose,
            "offset": offset, "length": length,
        })
        offset += length
    return {"data": DATA_FILE, "length": offset, "sha256": digest.hexdigest(), "tensors": tensors}


def write_recipe(recipe, path):
    head = {k: v for k, v in recipe.items() if k != "tensors"}
    lines = ",\n".join("    " + json.dumps(t) for t in recipe["tensors"])
    path.write_text(json.dumps(head, indent=2)[:-2] + ',\n  "tensors": [\n' + lines + "\n  ]\n}\n")


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    logging.disable(logging.WARNING)
    source = model_folder()
    tokenizer = AutoTokenizer.from_pretrained(source)
    bert = AutoModel.from_pretrained(source, attn_implementation="eager")
    encoder = SentenceEncoder(bert).eval()
    tokens = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    inputs = tuple(tokens[name] for name in INPUTS)

    with torch.no_grad():
        embeddings = encoder(*inputs)
        model = export(encoder, inputs)
    recipe = {"package": PACKAGE} | split(model, load_file(weights_file()))
    onnx.save(model, folder / "minilm.onnx")
    write_recipe(recipe, folder / "recipe.json")
    np.savez(folder / "inputs.npz", **{name: tokens[name].numpy() for name in INPUTS})
    np.savez(folder / "expected.npz", **{OUTPUT: embeddings.numpy()})
    cosines = (embeddings @ embeddings.T).numpy().astype(float).round(6).tolist()
    reference = {"sentences": SENTENCES, "cosine_similarities": cosines}
    (folder / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")
    print(f"minilm: {len(recipe['tensors'])} weights, {recipe['length']} bytes left to build.py")


main()
