"""All models by name."""

import inspect

import torch

from . import (
    contrast, diffusion, fastspeech2, generators, hifigan, imagebind, llama, transformer_tts, vit, whisper,
)

BUILDERS = {
    builder.__name__: builder
    for builder in (
        imagebind.img_enc, imagebind.img_enc_video, imagebind.txt_enc, imagebind.audb_enc, imagebind.imu_enc,
        whisper.audi_enc, whisper.audi_dec_init, whisper.audi_dec_step,
        generators.llama_glue, generators.gen_dec, generators.gen_dec_mlp,
        transformer_tts.tts_tr_enc, transformer_tts.tts_tr_dec, fastspeech2.tts_fastspeech2, hifigan.tts_hifigan,
        diffusion.sd_text, diffusion.sd_unet, diffusion.sd_vae_enc, diffusion.sd_vae_dec,
    )
} | llama.builders() | vit.BUILDERS | contrast.BUILDERS


def build(name, size, layers=None):
    """The model, with another number of layers where one is given; the same for the same name and sizes."""
    torch.manual_seed(42)
    builder = BUILDERS[name]
    if layers is None:
        return builder(size)
    if "layers" not in inspect.signature(builder).parameters:
        raise ValueError("its number of layers cannot be chosen")
    return builder(size, layers=layers)
