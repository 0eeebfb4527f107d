"""Whisper tiny.en: its encoder, the first call of its decoder, and one further token."""

import torch
from torch import nn
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from . import caches
from .spec import Spec, draw_weights

PARTS = ("k", "v")


class Encoder(nn.Module):
    def __init__(self, whisper):
        super().__init__()
        self.m = whisper.model.encoder

    def forward(self, input_features):
        return self.m(input_features).last_hidden_state


class Decoder(nn.Module):
    def __init__(self, whisper):
        super().__init__()
        self.dec = whisper.model.decoder
        self.proj = whisper.proj_out

    def decode(self, input_ids, encoder_hidden_states, cache):
        result = self.dec(
            input_ids=input_ids, encoder_hidden_states=encoder_hidden_states, past_key_values=cache, use_cache=True
        )
        return [self.proj(result.last_hidden_state), *caches.flat(cache.self_attention_cache)]


class FirstCall(Decoder):
    """The prompt and the encoder's states give logits, own keys and values, and those of the encoder's states."""

    def forward(self, input_ids, encoder_hidden_states):
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        own = self.decode(input_ids, encoder_hidden_states, cache)
        return tuple(own + caches.flat(cache.cross_attention_cache))


class Step(Decoder):
    def forward(self, input_ids, past, cross):
        # The states are not read again, but the class wants them.
        states = cross[0].transpose(1, 2).flatten(2)
        return tuple(self.decode(input_ids, states, caches.filled_cross(past, cross)))


def build(size):
    width, layers, heads, hidden, vocabulary, source, target, mel = dict(
        tiny=(24, 2, 3, 60, 97, 25, 32, 20), depth=(48, 4, 6, 96, 256, 100, 64, 80),
        full=(384, 4, 6, 1536, 51864, 1500, 448, 80)
    )[size]
    config = WhisperConfig(
        vocab_size=vocabulary, d_model=width, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=hidden, decoder_ffn_dim=hidden,
        max_source_positions=source, max_target_positions=target, num_mel_bins=mel,
        pad_token_id=vocabulary - 1, bos_token_id=vocabulary - 1, eos_token_id=vocabulary - 1,
        decoder_start_token_id=vocabulary - 2, suppress_tokens=None, begin_suppress_tokens=None,
    )
    return draw_weights(WhisperForConditionalGeneration(config), 5), config


def audi_enc(size):
    whisper, config = build(size)
    features = torch.randn(2, config.num_mel_bins, 2 * config.max_source_positions)
    return Spec(
        Encoder(whisper), {"input_features": features}, ["last_hidden_state"], {"input_features": {0: "batch"}}
    )


def audi_dec_init(size):
    whisper, config = build(size)
    inputs = {
        "input_ids": torch.randint(0, config.vocab_size, (1, 3)),
        "encoder_hidden_states": torch.randn(1, config.max_source_positions, config.d_model),
    }
    layers = config.decoder_layers
    outputs = ["logits", *caches.names("present", layers, PARTS), *caches.names("cross", layers, PARTS)]
    return Spec(FirstCall(whisper), inputs, outputs, {"input_ids": {1: "seq"}})


def audi_dec_step(size):
    whisper, config = build(size)
    layers, heads = config.decoder_layers, config.decoder_attention_heads

    def states(length):
        return [torch.randn(1, heads, length, config.d_model // heads) for _ in range(2 * layers)]

    inputs = {
        "input_ids": torch.randint(0, config.vocab_size, (1, 1)),
        "past": states(5),
        "cross": states(config.max_source_positions),
    }
    outputs = ["logits", *caches.names("present", layers, PARTS)]
    return Spec(Step(whisper), inputs, outputs, {"past": {2: "past_seq"}})
