"""The models of the benchmark at full size: which export, and inputs of which sizes."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODELS = Path(__file__).resolve().parent.parent


@dataclass
class Case:
    """A model: how it is exported, and its inputs by name."""

    exporter: str
    opset: int
    inputs: dict
    what: str
    layers: int | None = None

    def file(self):
        return f"{self.exporter}-op{self.opset}.onnx"


def normal(*shape):
    return lambda random: random.standard_normal(shape, dtype=np.float32)


def words(count, vocabulary):
    """A sentence of eleven words as CLIP's tokenizer pads it; the end of the text is the largest id."""
    def make(random):
        ids = np.zeros((1, count), np.int64)
        ids[:, 0], ids[:, 12] = vocabulary - 2, vocabulary - 1
        ids[:, 1:12] = random.integers(1, vocabulary - 2, (1, 11))
        return ids

    return make


def ids(count, vocabulary):
    return lambda random: random.integers(0, vocabulary, (1, count))


def constant(value, dtype, *shape):
    return lambda _: np.full(shape, value, dtype)


def positions(first, count):
    return lambda _: np.arange(first, first + count)[None]


# Of all 32 layers only so many, which are alike: what it takes to measure grows with them, the ratios do not.
LLAMA_LAYERS = 2
PAST = {f"past.{index}": normal(1, 32, 127, 128) for index in range(2 * LLAMA_LAYERS)}


CASES = {
    "img_enc": Case("dyn", 20, {"vision": normal(2, 3, 224, 224)}, "ViT-H/14, 2 images"),
    "txt_enc": Case("dyn", 20, {"text": words(77, 49408)}, "ImageBind text, 77 tokens"),
    "audb_enc": Case("ts", 17, {"audio": normal(1, 3, 1, 128, 204)}, "ImageBind audio, 3 clips"),
    "audi_enc": Case("ts", 17, {"input_features": normal(1, 80, 3000)}, "Whisper tiny.en encoder, 30 s"),
    "imu_enc": Case("ts", 17, {"imu": normal(1, 6, 2000)}, "ImageBind IMU"),
    "llama_prefill": Case("dyn", 20, {
        "input_ids": ids(64, 32000), "attention_mask": constant(1, np.int64, 1, 64), "position_ids": positions(0, 64),
    }, "LLaMA-7B, prompt of 64 tokens, 2 layers", LLAMA_LAYERS),
    "llama_decode": Case("dyn", 20, {
        "input_ids": ids(1, 32000), "attention_mask": constant(1, np.int64, 1, 128), "position_ids": positions(127, 1),
    } | PAST, "LLaMA-7B, 128th token, 2 layers", LLAMA_LAYERS),
    "sd_text": Case("dyn", 20, {"input_ids": words(77, 49408)}, "CLIP ViT-L/14 text, 77 tokens"),
    "sd_unet": Case("dyn", 20, {
        "sample": normal(2, 4, 64, 64), "timestep": constant(981, np.int64, 2),
        "encoder_hidden_states": normal(2, 77, 768),
    }, "Stable Diffusion 1.x UNet, batch 2, 512 × 512"),
    "sd_vae_dec": Case("ts", 17, {"latent": normal(1, 4, 64, 64)}, "Stable Diffusion 1.x decoder, 512 × 512"),
    "tts_tr_dec": Case("dyn", 20, {
        "prev": normal(1, 200, 80), "enc": normal(1, 60, 512), "enc_pad": constant(False, bool, 1, 60),
    }, "TransformerTTS decoder, 200 frames"),
    "tts_hifigan": Case("ts", 17, {"mel": normal(1, 80, 200)}, "HiFi-GAN, 200 frames"),
    "minilm": Case("", 0, {
        "input_ids": ids(128, 30522), "attention_mask": constant(1, np.int64, 1, 128),
        "token_type_ids": constant(0, np.int64, 1, 128),
    }, "MiniLM-L6, 128 tokens"),
}


def model(name, folder, python):
    """The path of a model, exported first where the folder lacks it."""
    if name == "minilm":
        path = MODELS / "minilm" / "minilm.onnx"
        if not path.with_suffix(".onnx.data").exists():
            subprocess.run([python, MODELS / "minilm" / "build.py"], check=True)
        return path
    case = CASES[name]
    path = folder / name / case.file()
    if not path.exists():
        print(f"{name}: exporting to {path}", file=sys.stderr, flush=True)
        options = ["--size", "full", "--export-only", "--exporter", case.exporter, "--opset", str(case.opset), "--out", folder]
        options += ["--layers", str(case.layers)] if case.layers else []
        subprocess.run([python, MODELS / "export.py", name, *options], check=True)
    return path


def inputs(name, folder):
    """The path of the inputs, written first where the folder lacks them; the same on every machine."""
    path = folder / name / "bench.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(1)
        np.savez(path, **{key: make(random) for key, make in CASES[name].inputs.items()})
    return path
