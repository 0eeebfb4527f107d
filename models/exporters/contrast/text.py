"""Encoders and translators of text, and CLIP."""

import torch
from transformers import (
    BartConfig, BartForConditionalGeneration, BertConfig, BertForSequenceClassification, CLIPConfig, CLIPModel,
    DebertaV2Config, DebertaV2Model, DistilBertConfig, DistilBertForSequenceClassification, ElectraConfig,
    ElectraForQuestionAnswering, MarianConfig, MarianMTModel, RobertaConfig, RobertaForQuestionAnswering, T5Config,
    T5ForConditionalGeneration,
)

from .wrapped import spec

VOCABULARY, WIDTH, LAYERS, HEADS, HIDDEN = 61, 24, 2, 3, 44
BERT_LIKE = dict(
    vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
    intermediate_size=HIDDEN, max_position_embeddings=20,
)
SEQUENCE_TO_SEQUENCE = dict(
    vocab_size=VOCABULARY, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=LAYERS, encoder_attention_heads=HEADS,
    decoder_attention_heads=HEADS, encoder_ffn_dim=HIDDEN, decoder_ffn_dim=HIDDEN, max_position_embeddings=20,
   
)


def tokens():
    """Two rows of nine; the second ends in padding."""
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[1, 6:] = 0
    return {"input_ids": torch.randint(3, VOCABULARY, (2, 9)), "attention_mask": mask}


def with_decoder():
    return tokens() | {"decoder_input_ids": torch.randint(3, VOCABULARY, (2, 5))}


def bert():
    # Its equal norms become one initializer with many names.
    return spec(BertForSequenceClassification(BertConfig(**BERT_LIKE, num_labels=4)), tokens(), ["logits"], None)


def distilbert():
    config = DistilBertConfig(
        vocab_size=VOCABULARY, dim=WIDTH, n_layers=LAYERS, n_heads=HEADS, hidden_dim=HIDDEN,
        max_position_embeddings=20,
    )
    return spec(DistilBertForSequenceClassification(config), tokens(), ["logits"], 31)


def electra():
    config = ElectraConfig(**BERT_LIKE, embedding_size=16)
    return spec(ElectraForQuestionAnswering(config), tokens(), ["start_logits", "end_logits"], 32)


def roberta_qa():
    config = RobertaConfig(**BERT_LIKE)
    return spec(RobertaForQuestionAnswering(config), tokens(), ["start_logits", "end_logits"], 33)


def x_deberta():
    config = DebertaV2Config(
        **BERT_LIKE, relative_attention=True, position_buckets=4, max_relative_positions=20, norm_rel_ebd="layer_norm",
        share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0,
    )
    return spec(DebertaV2Model(config), tokens(), ["last_hidden_state"], 34)


def bart():
    return spec(BartForConditionalGeneration(BartConfig(**SEQUENCE_TO_SEQUENCE)), with_decoder(), ["logits"], 35)


def marian():
    config = MarianConfig(**SEQUENCE_TO_SEQUENCE, pad_token_id=0, decoder_start_token_id=1, activation_function="swish")
    return spec(MarianMTModel(config), with_decoder(), ["logits"], 36)


def codet5():
    config = T5Config(
        vocab_size=VOCABULARY, d_model=WIDTH, d_kv=8, d_ff=HIDDEN, num_layers=LAYERS, num_heads=HEADS,
        decoder_start_token_id=0,
    )
    return spec(T5ForConditionalGeneration(config), with_decoder(), ["logits"], 37)


def clip():
    text = dict(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, max_position_embeddings=20, bos_token_id=1, eos_token_id=2, projection_dim=12,
    )
    vision = dict(
        hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        image_size=32, patch_size=16, projection_dim=12,
    )
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    return spec(CLIPModel(config), tokens() | {"pixel_values": torch.randn(2, 3, 32, 32)}, ["logits_per_image"], 38)


BUILDERS = (bert, distilbert, electra, roberta_qa, x_deberta, bart, marian, codet5, clip)
