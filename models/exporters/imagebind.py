"""The encoders of ImageBind-huge: image, video, text, audio and IMU."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .spec import Spec, draw_weights


class Block(nn.Module):
    def __init__(self, width, heads, bias_kv):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, add_bias_kv=bias_kv)
        self.norm_1 = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.norm_2 = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x, mask=None):
        y = self.norm_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.fc2(F.gelu(self.fc1(self.norm_2(x))))


class Trunk(nn.Module):
    """Blocks over [length, batch, width], as nn.MultiheadAttention wants it."""

    def __init__(self, width, blocks, heads, pre_norm=False, bias_kv=False):
        super().__init__()
        self.pre = nn.LayerNorm(width, eps=1e-6) if pre_norm else nn.Identity()
        self.blocks = nn.ModuleList([Block(width, heads, bias_kv) for _ in range(blocks)])

    def forward(self, x, mask=None):
        x = self.pre(x).permute(1, 0, 2)
        for block in self.blocks:
            x = block(x, mask)
        return x.permute(1, 0, 2)


class Scale(nn.Module):
    def __init__(self, scale, learnt):
        super().__init__()
        log = torch.ones([]) * math.log(scale)
        if learnt:
            self.log_logit_scale = nn.Parameter(log)
        else:
            self.register_buffer("log_logit_scale", log)

    def forward(self, x):
        return torch.clip(self.log_logit_scale.exp(), max=100) * x


class WithClassToken(nn.Module):
    """Class token, learnt positions, trunk, head on the class token, output of length 1."""

    def __init__(self, width, positions, embedding, trunk):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, positions + 1, width))
        self.trunk = trunk
        self.head_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, embedding, bias=False)

    def embed(self, x):
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1) + self.pos_embed
        x = self.head(self.head_norm(self.trunk(x))[:, 0])
        return F.normalize(x, dim=-1, p=2)


class Vision(WithClassToken):
    PATCH = (2, 14, 14)

    def __init__(self, width, blocks, heads, embedding, image, video=False):
        positions = (image[0] // self.PATCH[1]) * (image[1] // self.PATCH[2])
        super().__init__(width, positions, embedding, Trunk(width, blocks, heads, pre_norm=True))
        self.video = video
        self.proj = nn.Conv3d(3, width, self.PATCH, stride=self.PATCH, bias=False)

    def forward(self, vision):
        if not self.video:
            # The convolution wants two frames: one image stands for both.
            vision = vision.unsqueeze(2).repeat(1, 1, 2, 1, 1)
        return self.embed(self.proj(vision).flatten(2).transpose(1, 2))


class Text(nn.Module):
    def __init__(self, width, blocks, heads, embedding, context, vocabulary):
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, context, width))
        self.register_buffer("mask", torch.full((context, context), float("-inf")).triu_(1))
        self.trunk = Trunk(width, blocks, heads)
        self.head_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, embedding, bias=False)
        self.scale = Scale(1 / 0.07, learnt=True)

    def forward(self, text):
        x = self.trunk(self.token_embedding(text) + self.pos_embed, self.mask)
        # The end of the text is the largest id.
        x = x[torch.arange(x.shape[0]), text.argmax(dim=-1)]
        return self.scale(F.normalize(self.head(self.head_norm(x)), dim=-1, p=2))


class Audio(WithClassToken):
    KERNEL, STRIDE = 16, 10

    def __init__(self, width, blocks, heads, embedding, mel, frames):
        places = [(n - self.KERNEL) // self.STRIDE + 1 for n in (mel, frames)]
        super().__init__(width, places[0] * places[1], embedding, Trunk(width, blocks, heads, bias_kv=True))
        self.proj = nn.Conv2d(1, width, self.KERNEL, stride=self.STRIDE, bias=False)
        self.stem_norm = nn.LayerNorm(width)
        self.scale = Scale(20.0, learnt=False)

    def forward(self, audio):
        batch, clips = audio.shape[0], audio.shape[1]
        x = audio.reshape(batch * clips, *audio.shape[2:])
        x = self.stem_norm(self.proj(x).flatten(2).transpose(1, 2))
        return self.scale(self.embed(x)).reshape(batch, clips, -1).mean(dim=1)


class Imu(WithClassToken):
    CHANNELS, WINDOW = 6, 8

    def __init__(self, width, blocks, heads, embedding, samples):
        super().__init__(width, samples // self.WINDOW, embedding, Trunk(width, blocks, heads, bias_kv=True))
        self.proj = nn.Linear(self.CHANNELS * self.WINDOW, width, bias=False)
        self.stem_norm = nn.LayerNorm(width)
        self.scale = Scale(5.0, learnt=False)

    def forward(self, imu):
        # Dimension 2, not -1: the TorchScript exporter permutes wrongly where it is negative.
        x = imu.unfold(2, self.WINDOW, self.WINDOW).permute(0, 2, 1, 3)
        x = x.reshape(x.size(0), x.size(1), -1)
        return self.scale(self.embed(self.stem_norm(self.proj(x))))


def img_enc(size, video=False, layers=None):
    tiny_image = (28, 42) if video else (56, 56)
    width, blocks, heads, embedding, image = dict(
        tiny=(20, 2, 2, 12, tiny_image), depth=(32, 32, 16, 32, (56, 56)), full=(1280, 32, 16, 1024, (224, 224))
    )[size]
    module = draw_weights(Vision(width, layers or blocks, heads, embedding, image, video), 1)
    vision = torch.randn(2, 3, *((2,) if video else ()), *image)
    return Spec(module, {"vision": vision}, ["embedding"], {"vision": {0: "batch"}})


def img_enc_video(size):
    return img_enc(size, video=True)


def txt_enc(size):
    width, blocks, heads, embedding, context, vocabulary = dict(
        tiny=(24, 2, 3, 12, 19, 101), depth=(64, 24, 16, 32, 77, 512), full=(1024, 24, 16, 1024, 77, 49408)
    )[size]
    module = draw_weights(Text(width, blocks, heads, embedding, context, vocabulary), 2)
    ids = torch.zeros(2, context, dtype=torch.long)
    ids[:, 0] = vocabulary - 2
    for row, length in enumerate((5, 11)):
        ids[row, 1:1 + length] = torch.randint(1, vocabulary - 2, (length,))
        ids[row, 1 + length] = vocabulary - 1
    # An output named as the dynamo exporter names an inner value would make an invalid model.
    return Spec(module, {"text": ids}, ["text_embedding"], {"text": {0: "batch"}})


def audb_enc(size):
    width, blocks, heads, embedding, mel, frames = dict(
        tiny=(24, 2, 3, 12, 36, 56), depth=(24, 12, 12, 32, 128, 204), full=(768, 12, 12, 1024, 128, 204)
    )[size]
    module = draw_weights(Audio(width, blocks, heads, embedding, mel, frames), 3)
    audio = torch.randn(2, 3, 1, mel, frames)
    return Spec(module, {"audio": audio}, ["embedding"], {"audio": {0: "batch", 1: "clips"}})


def imu_enc(size):
    width, blocks, heads, embedding, samples = dict(
        tiny=(24, 2, 3, 12, 104), depth=(32, 6, 8, 32, 2000), full=(512, 6, 8, 1024, 2000)
    )[size]
    module = draw_weights(Imu(width, blocks, heads, embedding, samples), 4)
    imu = torch.randn(2, Imu.CHANNELS, samples)
    return Spec(module, {"imu": imu}, ["embedding"], {"imu": {0: "batch"}})
