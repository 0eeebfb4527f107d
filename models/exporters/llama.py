"""LLaMA: the prompt from ids or embeddings, and one further token; grouped heads as in LLaMA-2; LoRA."""

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import DynamicCache

from . import caches, lora
from .spec import Spec, draw_weights, left_padded_mask

# Width, layers, heads, heads of keys and values, hidden, vocabulary.
DIMS = {
    "llama": dict(
        tiny=(24, 2, 3, 3, 44, 101), depth=(64, 32, 32, 32, 96, 256), full=(4096, 32, 32, 32, 11008, 32000)
    ),
    # The only sizes of LLaMA-2 with fewer key heads are 34B and 70B; this is 70B.
    "llama2_gqa": dict(
        tiny=(36, 2, 6, 2, 44, 101), depth=(128, 80, 64, 8, 96, 256), full=(8192, 80, 64, 8, 28672, 32000)
    ),
}
PARTS = ("key", "value")
PROMPT, PAST, PADDING = 7, 7, 2


class Prefill(nn.Module):
    def __init__(self, llama):
        super().__init__()
        self.m = llama

    def forward(self, input_ids, attention_mask, position_ids):
        result = self.m(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids,
            past_key_values=DynamicCache(), use_cache=True,
        )
        return (result.logits, *caches.flat(result.past_key_values))


class PrefillEmbeds(nn.Module):
    def __init__(self, llama):
        super().__init__()
        self.m = llama

    def forward(self, inputs_embeds, attention_mask, position_ids):
        result = self.m(
            inputs_embeds=inputs_embeds, attention_mask=attention_mask, position_ids=position_ids,
            past_key_values=DynamicCache(), use_cache=True,
        )
        return (result.logits, *caches.flat(result.past_key_values))


class Decode(nn.Module):
    def __init__(self, llama):
        super().__init__()
        self.m = llama

    def forward(self, input_ids, attention_mask, position_ids, past):
        result = self.m(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids,
            past_key_values=caches.filled(past), use_cache=True,
        )
        return (result.logits, *caches.flat(result.past_key_values))


def build(size, family="llama", attention="eager", layers=None):
    width, usual_layers, heads, key_heads, hidden, vocabulary = DIMS[family][size]
    grouped = family == "llama2_gqa"
    config = LlamaConfig(
        hidden_size=width, num_hidden_layers=layers or usual_layers, num_attention_heads=heads, num_key_value_heads=key_heads,
        intermediate_size=hidden, vocab_size=vocabulary, rms_norm_eps=1e-5 if grouped else 1e-6,
        max_position_embeddings=4096 if grouped else 2048, tie_word_embeddings=False, attn_implementation=attention,
    )
    return draw_weights(LlamaForCausalLM(config), 6), config


def outputs(config):
    return ["logits", *caches.names("present", config.num_hidden_layers, PARTS)]


def prefill(size, wrap=lambda llama: llama, **how):
    llama, config = build(size, **how)
    mask = left_padded_mask(2, PROMPT, PADDING)
    inputs = {
        "input_ids": torch.randint(0, config.vocab_size, (2, PROMPT)),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(-1) - 1).clamp(min=0),
    }
    return Spec(Prefill(wrap(llama)), inputs, outputs(config), {name: {0: "batch", 1: "seq"} for name in inputs})


def decode(size, wrap=lambda llama: llama, **how):
    llama, config = build(size, **how)
    shape = (2, config.num_key_value_heads, PAST, config.hidden_size // config.num_attention_heads)
    inputs = {
        "input_ids": torch.randint(0, config.vocab_size, (2, 1)),
        "attention_mask": left_padded_mask(2, PAST + 1, PADDING),
        "position_ids": torch.tensor([[PAST], [PAST - PADDING]]),
        "past": [torch.randn(shape) for _ in range(2 * config.num_hidden_layers)],
    }
    dims = {
        "input_ids": {0: "batch"}, "attention_mask": {0: "batch", 1: "total_seq"},
        "position_ids": {0: "batch"}, "past": {0: "batch", 2: "past_seq"},
    }
    return Spec(Decode(wrap(llama)), inputs, outputs(config), dims)


def embeds(size):
    llama, config = build(size)
    length = PROMPT + 2
    inputs = {
        "inputs_embeds": torch.randn(2, length, config.hidden_size),
        "attention_mask": torch.ones(2, length, dtype=torch.long),
        "position_ids": torch.arange(length)[None].repeat(2, 1),
    }
    return Spec(PrefillEmbeds(llama), inputs, outputs(config), {name: {0: "batch", 1: "seq"} for name in inputs})


def builders():
    """Name to builder."""
    grouped, fused = {"family": "llama2_gqa"}, {"attention": "sdpa"}
    kinds = {
        "llama_{}": {}, "llama_{}_sdpa": fused,
        "llama2_gqa_{}": grouped, "llama2_gqa_{}_sdpa": grouped | fused,
        "llama_lora_{}": {"wrap": lora.with_adapter(lora.QUERY_VALUE)},
        "llama_merged_{}": {"wrap": lora.merged(lora.QUERY_VALUE)},
    }
    table = {}
    for name, how in kinds.items():
        table[name.format("prefill")] = lambda size, layers=None, how=how: prefill(size, layers=layers, **how)
        table[name.format("decode")] = lambda size, layers=None, how=how: decode(size, layers=layers, **how)
    return table | {"llama_embeds": embeds}
