"""TransformerTTS (fairseq): the encoder of phones, and one pass of the decoder over the frames so far."""

import torch
from torch import nn

from .speech_layers import PADDING, Postnet, positions, sinusoids
from .spec import Spec, draw_weights

# Phones, width, heads, hidden, layers, convolutions, kernel, prenet, postnet, mel bands, places.
DIMS = dict(
    tiny=(37, 24, 3, 40, 2, 2, 5, 10, (14, 5, 3), 20, 96),
    depth=(40, 32, 4, 64, 6, 3, 5, 16, (24, 5, 5), 80, 2048),
    full=(75, 512, 4, 2048, 6, 3, 5, 256, (512, 5, 5), 80, 2048),
)


class Encoder(nn.Module):
    def __init__(self, phones, width, heads, hidden, layers, convolutions, kernel, places):
        super().__init__()
        self.emb = nn.Embedding(phones, width, padding_idx=PADDING)

        def convolution():
            conv = nn.Conv1d(width, width, kernel, padding=(kernel - 1) // 2)
            return nn.Sequential(conv, nn.BatchNorm1d(width), nn.ReLU())

        self.pre = nn.ModuleList([convolution() for _ in range(convolutions)])
        self.proj = nn.Linear(width, width)
        self.register_buffer("pos", sinusoids(places, width))
        self.scale = nn.Parameter(torch.ones(1))
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(width, heads, hidden, 0.0) for _ in range(layers)])

    def forward(self, src_tokens):
        x = self.emb(src_tokens).transpose(1, 2)
        for convolution in self.pre:
            x = convolution(x)
        padded = src_tokens.eq(PADDING)
        x = self.proj(x.transpose(1, 2)) + self.scale * self.pos[positions(padded)]
        x = x.transpose(0, 1)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padded)
        return x.transpose(0, 1)


class Decoder(nn.Module):
    def __init__(self, width, heads, hidden, layers, prenet, postnet, mel, places):
        super().__init__()
        self.pre = nn.Sequential(
            nn.Linear(mel, prenet), nn.ReLU(), nn.Linear(prenet, prenet), nn.ReLU(), nn.Linear(prenet, width)
        )
        self.register_buffer("pos", sinusoids(places, width))
        self.scale = nn.Parameter(torch.ones(1))
        self.layers = nn.ModuleList([nn.TransformerDecoderLayer(width, heads, hidden, 0.0) for _ in range(layers)])
        self.feat = nn.Linear(width, mel)
        self.eos = nn.Linear(width, 1)
        self.post = Postnet(mel, *postnet)

    def forward(self, prev, enc, enc_pad):
        frames = prev.shape[1]
        x = self.pre(prev) + self.scale * self.pos[2:frames + 2][None]
        causal = torch.triu(torch.full((frames, frames), float("-inf")), 1)
        x, memory = x.transpose(0, 1), enc.transpose(0, 1)
        for layer in self.layers:
            x = layer(x, memory, tgt_mask=causal, memory_key_padding_mask=enc_pad)
        x = x.transpose(0, 1)
        features = self.feat(x)
        return features + self.post(features), torch.sigmoid(self.eos(x))


def tts_tr_enc(size):
    phones, width, heads, hidden, layers, convolutions, kernel, _, _, _, places = DIMS[size]
    module = draw_weights(Encoder(phones, width, heads, hidden, layers, convolutions, kernel, places), 11)
    ids = torch.randint(4, phones, (2, 11))
    ids[1, 8:] = PADDING
    return Spec(module, {"src_tokens": ids}, ["enc"], {"src_tokens": {0: "batch", 1: "phones"}})


def tts_tr_dec(size):
    _, width, heads, hidden, layers, _, _, prenet, postnet, mel, places = DIMS[size]
    module = draw_weights(Decoder(width, heads, hidden, layers, prenet, postnet, mel, places), 12)
    padded = torch.zeros(2, 11, dtype=torch.bool)
    padded[1, 8:] = True
    inputs = {"prev": torch.randn(2, 6, mel), "enc": torch.randn(2, 11, width), "enc_pad": padded}
    phones = {0: "batch", 1: "phones"}
    dims = {"prev": {0: "batch", 1: "frames"}, "enc": phones, "enc_pad": phones}
    return Spec(module, inputs, ["mel", "eos"], dims)
