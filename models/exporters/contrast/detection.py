"""Detectors without non-maximum suppression."""

import torch
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig, YolosConfig, YolosForObjectDetection

from .wrapped import spec


def detr():
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage4"],
    )
    config = DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone,
        num_queries=6, d_model=24, encoder_layers=1, decoder_layers=1, encoder_attention_heads=3,
        decoder_attention_heads=3, encoder_ffn_dim=44, decoder_ffn_dim=44, num_labels=4,
    )
    inputs = {"pixel_values": torch.randn(1, 3, 64, 96)}
    return spec(DetrForObjectDetection(config), inputs, ["logits", "pred_boxes"], 70)


def x_yolos():
    config = YolosConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=44, image_size=[32, 48],
        patch_size=16, num_detection_tokens=4, use_mid_position_embeddings=False, num_labels=2,
    )
    inputs = {"pixel_values": torch.randn(1, 3, 48, 32)}
    return spec(YolosForObjectDetection(config), inputs, ["logits", "pred_boxes"], 71)


BUILDERS = (detr, x_yolos)
