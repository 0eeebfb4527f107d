"""Builds the tiny image encoder with seeded weights and writes every fixture of this folder.

Usage: python export.py [FOLDER]    (README.md names the packages it needs)
"""

import logging
import math
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import nn

WIDTH, BLOCKS, HEADS, EMBEDDING, IMAGE = 64, 2, 4, 32, 56
PATCH = (2, 14, 14)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.norm_1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)
        self.norm_2 = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, x):
        y = self.norm_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.fc2(F.gelu(self.fc1(self.norm_2(x))))


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.LayerNorm(WIDTH, eps=1e-6)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])

    def forward(self, x):
        x = self.pre(x).permute(1, 0, 2)
        for block in self.blocks:
            x = block(x)
        return x.permute(1, 0, 2)


class ImageEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Conv3d(3, WIDTH, PATCH, stride=PATCH, bias=False)
        patches = (IMAGE // PATCH[1]) * (IMAGE // PATCH[2])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, patches + 1, WIDTH))
        self.trunk = Trunk()
        self.head_norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, EMBEDDING, bias=False)

    def forward(self, vision):
        # The convolution wants two video frames: one image stands for both.
        x = vision.unsqueeze(2).repeat(1, 1, 2, 1, 1)
        x = self.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1) + self.pos_embed
        x = self.head(self.head_norm(self.trunk(x))[:, 0])
        return F.normalize(x, dim=-1, p=2)


def draw_weights(model):
    """Default initialization leaves biases 0 and norms 1, which would hide their misuse."""
    generator = torch.Generator().manual_seed(1235)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.ndim >= 2:
                p.copy_(noise * (1 / math.sqrt(p[0].numel())))
            elif name.endswith("weight"):
                p.copy_(1 + 0.1 * noise)
            else:
                p.copy_(0.1 * noise)


def without_folders(text):
    """Source positions keep file and line; the folder belongs to whoever ran the export."""
    return re.sub(r'File "[^"]*?([^/"]+)"', r'File "\1"', text)


def export_torchscript_exporter(model, vision, path):
    torch.onnx.export(
        model, (vision,), path, dynamo=False, opset_version=17,
        input_names=["vision"], output_names=["embedding"],
        dynamic_axes={"vision": {0: "batch"}},
    )


def export_dynamo(model, vision, path):
    torch.onnx.export(
        model, (vision,), path, dynamo=True, opset_version=20,
        input_names=["vision"], output_names=["embedding"],
        dynamic_shapes={"vision": {0: "batch"}},
        external_data=False, optimize=True, verbose=False,
    )
    exported = onnx.load(path)
    for node in exported.graph.node:
        for entry in node.metadata_props:
            entry.value = without_folders(entry.value)
    onnx.save(exported, path)


def export_torchscript(model, vision, path):
    whole = path.with_suffix(".whole")
    torch.jit.trace(model, (vision,)).save(whole)
    reader = torch._C.PyTorchFileReader(str(whole))
    writer = torch._C.PyTorchFileWriter(str(path))
    # Debug records name the folders of this machine; the rest of the list is written by the writer itself.
    left_out = re.compile(r"\.debug_pkl$|^version$|^\.data/|^\.format_version$|^\.storage_alignment$")
    for name in reader.get_all_records():
        if not left_out.search(name):
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    whole.unlink()


def onnx_outputs(path, vision):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["embedding"], {"vision": vision.numpy()})[0]


def torchscript_outputs(path, vision):
    return torch.jit.load(path)(vision).numpy()


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    torch.manual_seed(42)
    model = ImageEncoder().eval()
    draw_weights(model)
    vision = torch.randn(2, 3, IMAGE, IMAGE)

    fixtures = {
        "ts-op17.onnx": (export_torchscript_exporter, onnx_outputs),
        "dyn-op20.onnx": (export_dynamo, onnx_outputs),
        "img_enc.torchscript.pt": (export_torchscript, torchscript_outputs),
    }
    with torch.no_grad():
        expected = model(vision).numpy()
        np.savez(folder / "inputs.npz", vision=vision.numpy())
        np.savez(folder / "expected.npz", embedding=expected)
        for name, (export, outputs) in fixtures.items():
            export(model, vision, folder / name)
            for batch in (2, 1, 5):
                images = torch.randn(batch, 3, IMAGE, IMAGE)
                difference = np.abs(outputs(folder / name, images) - model(images).numpy()).max()
                assert difference <= 1e-5, f"{name} with batch {batch} is off by {difference}"
            print(f"{name}: equal to the model within 1e-5 for batches 1, 2 and 5")


main()
