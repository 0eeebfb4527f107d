"""Speech recognition, speakers, keywords, and the whole TransformerTTS."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    ASTConfig, ASTForAudioClassification, Speech2TextConfig, Speech2TextForConditionalGeneration, Wav2Vec2Config,
    Wav2Vec2ForCTC,
)

from .. import transformer_tts
from ..spec import Spec, draw_weights
from .wrapped import spec


class Convolution(nn.Module):
    """A convolution that mirrors its input at the edges, ReLU, batch normalization."""

    def __init__(self, before, after, kernel=1, dilation=1):
        super().__init__()
        self.margin = dilation * (kernel - 1) // 2
        self.conv = nn.Conv1d(before, after, kernel, dilation=dilation)
        self.norm = nn.BatchNorm1d(after)

    def forward(self, x):
        x = F.pad(x, (self.margin, self.margin), mode="reflect") if self.margin else x
        return self.norm(F.relu(self.conv(x)))


class SqueezedBlock(nn.Module):
    """Res2Net: each part of the channels sees the sum of its own and the part before; then squeeze and excitation."""

    def __init__(self, channels, parts, dilation):
        super().__init__()
        self.parts = parts
        self.before, self.after = Convolution(channels, channels), Convolution(channels, channels)
        part = channels // parts
        self.inner = nn.ModuleList([Convolution(part, part, 3, dilation) for _ in range(parts - 1)])
        self.squeeze, self.excite = nn.Conv1d(channels, 6, 1), nn.Conv1d(6, channels, 1)

    def forward(self, x, mask):
        first, *rest = torch.chunk(self.before(x), self.parts, dim=1)
        results = [first]
        for i, (conv, part) in enumerate(zip(self.inner, rest)):
            results.append(conv(part if i == 0 else part + results[-1]))
        y = self.after(torch.cat(results, 1))
        mean = (y * mask).sum(2, keepdim=True) / mask.sum(2, keepdim=True)
        return x + y * torch.sigmoid(self.excite(F.relu(self.squeeze(mean))))


class EcapaTdnn(nn.Module):
    def __init__(self, mel, channels, speakers):
        super().__init__()
        self.first = Convolution(mel, channels, 5)
        self.blocks = nn.ModuleList([SqueezedBlock(channels, 4, dilation) for dilation in (2, 3)])
        self.mix = Convolution(2 * channels, 2 * channels)
        self.attend, self.weigh = Convolution(6 * channels, 7), nn.Conv1d(7, 2 * channels, 1)
        self.norm = nn.BatchNorm1d(4 * channels)
        self.out = nn.Conv1d(4 * channels, 9, 1)
        self.speakers = nn.Parameter(torch.empty(speakers, 9))

    def forward(self, features, lengths):
        """Features [batch, mel, time], and the part of each row that is not padding."""
        time = features.shape[2]
        mask = (torch.arange(time)[None, :] < (lengths * time)[:, None]).unsqueeze(1).float()
        x = self.first(features)
        results = []
        for block in self.blocks:
            x = block(x, mask)
            results.append(x)
        x = self.mix(torch.cat(results, 1))

        def statistics(weights):
            mean = (weights * x).sum(2)
            variance = (weights * (x - mean.unsqueeze(2)).pow(2)).sum(2)
            return mean, torch.sqrt(variance.clamp(1e-12))

        mean, deviation = statistics(mask / mask.sum(2, keepdim=True))
        context = [x, mean.unsqueeze(2).repeat(1, 1, time), deviation.unsqueeze(2).repeat(1, 1, time)]
        weights = self.weigh(torch.tanh(self.attend(torch.cat(context, 1)))).masked_fill(mask == 0, float("-inf"))
        pooled = torch.cat(statistics(F.softmax(weights, dim=2)), 1).unsqueeze(2)
        x = self.out(self.norm(pooled)).squeeze(2)
        return F.linear(F.normalize(x), F.normalize(self.speakers))


class Keywords(nn.Module):
    def __init__(self, time, mel):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 9, (20, 8)), nn.Conv2d(9, 7, (10, 4))
        self.pool = nn.MaxPool2d((1, 3))
        left = (time - 19 - 9) * ((mel - 7) // 3 - 3)
        self.low, self.hidden, self.out = nn.Linear(7 * left, 16), nn.Linear(16, 21), nn.Linear(21, 12)

    def forward(self, x):
        x = self.pool(F.relu(self.c1(x.unsqueeze(1))))
        x = F.relu(self.c2(x)).flatten(1)
        return self.out(F.relu(self.hidden(self.low(x))))


class Synthesis(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = transformer_tts.Encoder(37, 24, 3, 40, 2, 2, 5, 40)
        self.decoder = transformer_tts.Decoder(24, 3, 40, 2, 10, (14, 5, 3), 20, 40)

    def forward(self, phones, frames):
        return self.decoder(frames, self.encoder(phones), phones.eq(transformer_tts.PADDING))


def ecapa():
    inputs = {"features": torch.randn(2, 11, 30), "lengths": torch.tensor([1.0, 0.7])}
    return Spec(draw_weights(EcapaTdnn(11, 16, 4), 80), inputs, ["scores"])


def kws_cnn():
    return Spec(draw_weights(Keywords(41, 40), 81), {"features": torch.randn(1, 41, 40)}, ["logits"])


def tts_transformer():
    phones = torch.randint(4, 37, (2, 11))
    phones[1, 8:] = transformer_tts.PADDING
    inputs = {"phones": phones, "frames": torch.randn(2, 6, 20)}
    return Spec(draw_weights(Synthesis(), 82), inputs, ["mel", "eos"])


def wav2vec2_ctc():
    config = Wav2Vec2Config(
        vocab_size=17, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=44,
        conv_dim=(10, 10, 10), conv_stride=(5, 4, 4), conv_kernel=(10, 8, 4), num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=3,
    )
    return spec(Wav2Vec2ForCTC(config), {"input_values": torch.randn(1, 1000)}, ["logits"], 83)


def speech2text():
    config = Speech2TextConfig(
        vocab_size=61, d_model=24, encoder_layers=2, decoder_layers=2, encoder_attention_heads=3,
        decoder_attention_heads=3, encoder_ffn_dim=44, decoder_ffn_dim=44, conv_channels=16, conv_kernel_sizes=(5, 5),
        input_feat_per_channel=10, max_source_positions=64, max_target_positions=16,
    )
    mask = torch.ones(1, 40, dtype=torch.long)
    mask[0, 32:] = 0
    inputs = {
        "input_features": torch.randn(1, 40, 10), "attention_mask": mask,
        "decoder_input_ids": torch.randint(3, 61, (1, 4)),
    }
    return spec(Speech2TextForConditionalGeneration(config), inputs, ["logits"], 84)


def x_ast():
    config = ASTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=44, patch_size=16,
        frequency_stride=10, time_stride=10, max_length=64, num_mel_bins=32, num_labels=5,
    )
    return spec(ASTForAudioClassification(config), {"input_values": torch.randn(1, 64, 32)}, ["logits"], 85)


BUILDERS = (ecapa, kws_cnn, tts_transformer, wav2vec2_ctc, speech2text, x_ast)
