"""FastSpeech 2 (fairseq). The number of frames is the sum of the durations that the model predicts: it depends on data."""

import torch
import torch.nn.functional as F
from torch import nn

from .speech_layers import PADDING, Postnet, positions, sinusoids
from .spec import Spec, draw_weights


def same(before, after, kernel):
    return nn.Conv1d(before, after, kernel, padding=(kernel - 1) // 2)


class Layer(nn.Module):
    def __init__(self, width, heads, hidden, kernel):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln1 = nn.LayerNorm(width)
        self.c1 = same(width, hidden, kernel)
        self.c2 = same(hidden, width, kernel)
        self.ln2 = nn.LayerNorm(width)

    def forward(self, x, padded):
        y = x.transpose(0, 1)
        y = self.attn(y, y, y, key_padding_mask=padded, need_weights=False)[0].transpose(0, 1)
        x = self.ln1(x + y)
        y = self.c2(F.relu(self.c1(x.transpose(1, 2)))).transpose(1, 2)
        return self.ln2(x + y)


class Predictor(nn.Module):
    def __init__(self, width, kernel):
        super().__init__()
        self.c1, self.l1 = same(width, width, kernel), nn.LayerNorm(width)
        self.c2, self.l2 = same(width, width, kernel), nn.LayerNorm(width)
        self.proj = nn.Linear(width, 1)

    def forward(self, x):
        x = self.l1(F.relu(self.c1(x.transpose(1, 2))).transpose(1, 2))
        x = self.l2(F.relu(self.c2(x.transpose(1, 2))).transpose(1, 2))
        return self.proj(x).squeeze(2)


class FastSpeech2(nn.Module):
    def __init__(self, phones, width, heads, hidden, kernel, layers, bins, postnet, mel, places):
        super().__init__()

        def stack():
            return nn.ModuleList([Layer(width, heads, hidden, kernel) for _ in range(layers)])

        self.places = places
        self.emb = nn.Embedding(phones, width, padding_idx=PADDING)
        self.register_buffer("pos", sinusoids(places, width))
        self.enc_scale, self.dec_scale = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
        self.enc, self.dec = stack(), stack()
        self.duration, self.pitch, self.energy = (Predictor(width, 3) for _ in range(3))
        self.register_buffer("pitch_bins", torch.linspace(-4.66, 5.73, bins - 1))
        self.register_buffer("energy_bins", torch.linspace(-4.95, 3.32, bins - 1))
        self.pitch_emb, self.energy_emb = nn.Embedding(bins, width), nn.Embedding(bins, width)
        self.out = nn.Linear(width, mel)
        self.post = Postnet(mel, *postnet)

    def forward(self, src_tokens):
        padded = src_tokens.eq(PADDING)
        x = self.emb(src_tokens) + self.enc_scale * self.pos[positions(padded)]
        for layer in self.enc:
            x = layer(x, padded)
        frames = torch.round(torch.exp(self.duration(x)) - 1).long().clamp(min=0).masked_fill(padded, 0)
        x = x + self.pitch_emb(torch.bucketize(self.pitch(x), self.pitch_bins))
        x = x + self.energy_emb(torch.bucketize(self.energy(x), self.energy_bins))
        x, silent, lens = self.regulate(x, frames)
        x = x + self.dec_scale * self.pos[positions(silent)]
        for layer in self.dec:
            x = layer(x, silent)
        x = self.out(x)
        return x + self.post(x), lens

    def regulate(self, x, frames):
        """Each phone as often as its duration says; True where a row has no frame any more; frames of each row."""
        ends = torch.cumsum(frames, 1)
        lens = ends[:, -1]
        longest = lens.max()
        if torch.compiler.is_exporting() and not torch.jit.is_tracing():
            longest = longest.item()
            torch._check(longest > 2)
            torch._check(longest <= self.places // 2)
        time = torch.arange(longest)
        phone = (time[None, :, None] >= ends[:, None, :]).long().sum(-1).clamp(max=x.shape[1] - 1)
        silent = time[None, :] >= lens[:, None]
        x = torch.gather(x, 1, phone[:, :, None].expand(-1, -1, x.shape[2]))
        return x.masked_fill(silent[:, :, None], 0.0), silent, lens


def tts_fastspeech2(size):
    phones, width, heads, hidden, kernel, layers, bins, postnet, mel, places = dict(
        tiny=(37, 12, 2, 20, 9, 2, 16, (14, 5, 3), 20, 256),
        depth=(40, 32, 2, 48, 9, 4, 256, (24, 5, 5), 80, 2048),
        full=(75, 256, 2, 1024, 9, 4, 256, (512, 5, 5), 80, 2048),
    )[size]
    module = draw_weights(
        FastSpeech2(phones, width, heads, hidden, kernel, layers, bins, postnet, mel, places), 10
    )
    with torch.no_grad():
        # Two or three frames for a phone; predictions around 0 would give none.
        module.duration.proj.bias.fill_(1.3)
    ids = torch.randint(4, phones, (2, 11))
    ids[1, 8:] = PADDING
    return Spec(module, {"src_tokens": ids}, ["mel", "lens"], {"src_tokens": {0: "batch", 1: "phones"}})
