"""Stable Diffusion 1.x: text encoder, UNet, and both halves of the autoencoder."""

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from .spec import Spec, draw_weights

SCALE = 0.18215


class Clip(nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.m = clip

    def forward(self, input_ids):
        return self.m(input_ids).last_hidden_state


class Unet(nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.m = unet

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.m(sample, timestep, encoder_hidden_states, return_dict=False)[0]


class ImageDecoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.m = vae

    def forward(self, latent):
        return (self.m.decode(latent / SCALE, return_dict=False)[0] / 2 + 0.5).clamp(0, 1)


class ImageEncoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.m = vae

    def forward(self, image):
        return self.m.quant_conv(self.m.encoder(image))


def sd_text(size):
    width, layers, heads, hidden, vocabulary, context = dict(
        tiny=(24, 2, 3, 44, 101, 19), depth=(24, 12, 12, 48, 256, 77), full=(768, 12, 12, 3072, 49408, 77)
    )[size]
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=context, hidden_act="quick_gelu", projection_dim=width,
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1,
        attn_implementation="eager",
    )
    ids = torch.full((2, context), vocabulary - 1)
    ids[:, 0] = vocabulary - 2
    for row, length in enumerate((5, 9)):
        ids[row, 1:1 + length] = torch.randint(0, vocabulary - 2, (length,))
    module = Clip(draw_weights(CLIPTextModel(config), 14))
    return Spec(module, {"input_ids": ids}, ["last_hidden_state"], {"input_ids": {0: "batch"}})


def sd_unet(size):
    channels, heads, context, groups, sample, length = dict(
        tiny=((8, 16), 2, 12, 4, (8, 12), 7), depth=((32, 32, 64, 64), 8, 32, 32, (16, 16), 77),
        full=((320, 640, 1280, 1280), 8, 768, 32, (64, 64), 77)
    )[size]
    attending = len(channels) - 1
    unet = UNet2DConditionModel(
        sample_size=sample[0], in_channels=4, out_channels=4, block_out_channels=channels, attention_head_dim=heads,
        cross_attention_dim=context, norm_num_groups=groups, layers_per_block=1 if size == "tiny" else 2,
        down_block_types=("CrossAttnDownBlock2D",) * attending + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * attending,
    )
    inputs = {
        "sample": torch.randn(2, 4, *sample),
        "timestep": torch.tensor([981, 501]),
        "encoder_hidden_states": torch.randn(2, length, context),
    }
    dims = {
        "sample": {0: "batch", 2: "h", 3: "w"}, "timestep": {0: "batch"}, "encoder_hidden_states": {0: "batch"},
    }
    return Spec(Unet(draw_weights(unet, 15)), inputs, ["eps"], dims)


def autoencoder(size):
    channels, groups, layers, latent = dict(
        tiny=((8, 12), 4, 1, (6, 8)), depth=((32, 32, 64, 64), 32, 2, (8, 8)),
        full=((128, 256, 512, 512), 32, 2, (64, 64))
    )[size]
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, block_out_channels=channels, layers_per_block=layers, latent_channels=4,
        norm_num_groups=groups, sample_size=8 * latent[0], scaling_factor=SCALE,
        down_block_types=("DownEncoderBlock2D",) * len(channels), up_block_types=("UpDecoderBlock2D",) * len(channels),
    )
    return draw_weights(vae, 16), latent, 2 ** (len(channels) - 1)


def sd_vae_dec(size):
    vae, latent, _ = autoencoder(size)
    inputs = {"latent": torch.randn(1, 4, *latent)}
    return Spec(ImageDecoder(vae), inputs, ["image"], {"latent": {0: "batch", 2: "h", 3: "w"}})


def sd_vae_enc(size):
    vae, latent, factor = autoencoder(size)
    inputs = {"image": torch.randn(1, 3, *(factor * side for side in latent))}
    return Spec(ImageEncoder(vae), inputs, ["moments"], {"image": {0: "batch"}})
