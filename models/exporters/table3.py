"""Models of Table 3 that are not in the repository: built with random weights, their real topology where it is published
in a package, else a short one of the same kind."""

import torch
import torch.nn.functional as F
from torch import nn

from .spec import Spec, draw_weights


def image(model, output, size=224):
    return Spec(model, {"image": torch.randn(1, 3, size, size)}, [output])


def first_detections(model):
    class Detections(nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model

        def forward(self, image):
            found = self.m([image[0]])[0]
            return found["boxes"], found["labels"], found["scores"]

    return Spec(Detections(), {"image": torch.rand(1, 3, 128, 160)}, ["boxes", "labels", "scores"])


def faster_rcnn():
    from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn

    return first_detections(fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None))


def mask_rcnn():
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    return first_detections(maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, min_size=128, max_size=160))


def resnet50_arcface():
    from torchvision.models import resnet50

    class Embedding(nn.Module):
        def __init__(self):
            super().__init__()
            self.m = resnet50(num_classes=64)

        def forward(self, x):
            return F.normalize(self.m(x), dim=-1)

    return image(Embedding(), "embedding")


def resnet152():
    from torchvision.models.resnet import Bottleneck, ResNet

    # All its blocks, with narrow middles.
    return image(ResNet(Bottleneck, [3, 8, 36, 3], width_per_group=4), "logits", 64)


def deeplabv3():
    from torchvision.models.segmentation import deeplabv3_resnet50

    class Segments(nn.Module):
        def __init__(self):
            super().__init__()
            self.m = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=21)

        def forward(self, x):
            return self.m(x)["out"]

    return image(Segments(), "segments", 64)


class Flow(nn.Module):
    """Glow: normalization by channel, a mixing of channels, and half of them scaled and moved by the other half."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.log_scale, self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1)), nn.Parameter(torch.zeros(channels, 1, 1))
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.net = nn.Sequential(
            nn.Conv2d(channels // 2, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, channels, 3, padding=1)
        )

    def forward(self, x):
        one, other = self.mix((x + self.bias) * self.log_scale.exp()).chunk(2, 1)
        move, scale = self.net(one).chunk(2, 1)
        return torch.cat([one, (other + move) * torch.sigmoid(scale + 2)], 1)


def style_flow():
    class StyleFlow(nn.Module):
        def __init__(self):
            super().__init__()
            self.flows = nn.ModuleList([Flow(12, 16) for _ in range(2)])

        def forward(self, content, style):
            x, y = (F.pixel_unshuffle(image, 2) for image in (content, style))
            for flow in self.flows:
                x, y = flow(x), flow(y)
            # Adaptive instance normalization.
            deviation = (x.var((2, 3), keepdim=True) + 1e-5).sqrt()
            styled = (x - x.mean((2, 3), keepdim=True)) / deviation
            x = styled * (y.var((2, 3), keepdim=True) + 1e-5).sqrt() + y.mean((2, 3), keepdim=True)
            return F.pixel_shuffle(x, 2)

    inputs = {"content": torch.randn(1, 3, 16, 24), "style": torch.randn(1, 3, 16, 24)}
    return Spec(draw_weights(StyleFlow(), 90), inputs, ["styled"])


def gfnet():
    class GlobalFilter(nn.Module):
        """Multiplies spectra over two dimensions."""

        def __init__(self):
            super().__init__()
            self.embed = nn.Conv2d(3, 8, 8, stride=8)
            self.filter = nn.Parameter(torch.randn(8, 4, 3, 2) * 0.1)
            self.out = nn.Linear(8, 5)

        def forward(self, x):
            x = self.embed(x)
            spectrum = torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(self.filter)
            x = x + torch.fft.irfft2(spectrum, s=(4, 4), norm="ortho")
            return self.out(x.mean((2, 3)))

    return image(GlobalFilter(), "logits", 32)


def volo_d1():
    import timm

    return image(timm.create_model("volo_d1_224", pretrained=False), "logits")


def vitpose():
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    backbone = VitPoseBackboneConfig(
        image_size=(64, 48), hidden_size=24, num_hidden_layers=2, num_attention_heads=3, mlp_ratio=2, out_features=["stage2"]
    )
    model = VitPoseForPoseEstimation(VitPoseConfig(backbone_config=backbone, num_labels=17, use_simple_decoder=False))

    class Heatmaps(nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model

        def forward(self, x):
            return self.m(x).heatmaps

    return Spec(Heatmaps(), {"image": torch.randn(1, 3, 64, 48)}, ["heatmaps"])


def sasnet():
    """VGG-16 at three scales, each with a density map and a confidence."""
    from torchvision.models import vgg16

    class SasNet(nn.Module):
        def __init__(self):
            super().__init__()
            layers = list(vgg16().features.children())
            self.stages = nn.ModuleList([nn.Sequential(*layers[a:b]) for a, b in ((0, 16), (16, 23), (23, 30))])
            self.heads = nn.ModuleList([nn.Conv2d(c, 2, 3, padding=1) for c in (256, 512, 512)])

        def forward(self, x):
            maps = []
            for stage, head in zip(self.stages, self.heads):
                x = stage(x)
                maps.append(F.interpolate(head(x), size=(16, 16), mode="bilinear", align_corners=False))
            weights = torch.softmax(torch.stack([m[:, 1] for m in maps]), dim=0)
            return (weights * torch.stack([m[:, 0] for m in maps])).sum(0)

    return image(SasNet(), "density", 64)


def acdnet():
    class AcdNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.wave = nn.Sequential(
                nn.Conv2d(1, 8, (1, 9), stride=(1, 2)), nn.BatchNorm2d(8), nn.ReLU(),
                nn.Conv2d(8, 16, (1, 5), stride=(1, 2)), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d((1, 20)),
            )
            self.map = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d((2, 4)), nn.Flatten(), nn.LazyLinear(10),
            )

        def forward(self, x):
            return F.softmax(self.map(self.wave(x).permute(0, 2, 1, 3)), dim=-1)

    model = AcdNet()
    model(torch.randn(1, 1, 1, 3000))
    return Spec(model, {"wave": torch.randn(1, 1, 1, 3000)}, ["probs"])


def audio_caption():
    class Captioner(nn.Module):
        """Convolutions over a spectrum, and a transformer decoder over the words so far."""

        def __init__(self):
            super().__init__()
            self.cnn = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
                nn.Conv2d(8, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.AvgPool2d(2),
            )
            self.words = nn.Embedding(61, 24)
            self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(24, 3, 44, 0.0), 2)
            self.out = nn.Linear(24, 61)

        def forward(self, spectrum, words):
            memory = self.cnn(spectrum.unsqueeze(1)).mean(3).permute(2, 0, 1)
            length = words.shape[1]
            causal = torch.triu(torch.full((length, length), float("-inf")), 1)
            x = self.decoder(self.words(words).transpose(0, 1), memory, tgt_mask=causal)
            return self.out(x.transpose(0, 1))

    inputs = {"spectrum": torch.randn(1, 40, 16), "words": torch.randint(0, 61, (1, 5))}
    return Spec(draw_weights(Captioner(), 91), inputs, ["logits"])


def lstm_caption():
    from torchvision.models import resnet18

    class Captioner(nn.Module):
        def __init__(self):
            super().__init__()
            self.cnn = resnet18(num_classes=24)
            self.words = nn.Embedding(61, 24)
            self.lstm = nn.LSTM(24, 16, batch_first=True)
            self.out = nn.Linear(16, 61)

        def forward(self, image, words):
            x = torch.cat([self.cnn(image).unsqueeze(1), self.words(words)], 1)
            return self.out(self.lstm(x)[0])

    inputs = {"image": torch.randn(1, 3, 64, 64), "words": torch.randint(0, 61, (1, 5))}
    return Spec(Captioner(), inputs, ["logits"])


def blip():
    from transformers import BlipConfig, BlipForImageTextRetrieval

    text = dict(
        vocab_size=61, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=44,
        max_position_embeddings=20, encoder_hidden_size=24, bos_token_id=1, pad_token_id=0, eos_token_id=2, sep_token_id=2,
    )
    vision = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=44, image_size=32)
    model = BlipForImageTextRetrieval(BlipConfig(text_config=text, vision_config=vision, projection_dim=12))

    class Matching(nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model

        def forward(self, ids, mask, image):
            return self.m(input_ids=ids, attention_mask=mask, pixel_values=image, use_itm_head=True).itm_score

    inputs = {
        "ids": torch.randint(3, 61, (1, 7)), "mask": torch.ones(1, 7, dtype=torch.long),
        "image": torch.randn(1, 3, 32, 32),
    }
    return Spec(Matching(), inputs, ["scores"])


def wav2clip_vqgan():
    from diffusers import VQModel

    class Generator(nn.Module):
        """The codes nearest to latents, decoded."""

        def __init__(self):
            super().__init__()
            self.m = VQModel(
                down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
                block_out_channels=(8, 12), layers_per_block=1, norm_num_groups=4, num_vq_embeddings=16,
            )

        def forward(self, latent):
            return self.m.decode(latent, return_dict=False)[0]

    return Spec(Generator(), {"latent": torch.randn(1, 3, 6, 8)}, ["image"])


def mutan():
    class Mutan(nn.Module):
        """A bilinear fusion of rank 3 of an image's features and a question read by a GRU."""

        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(61, 20)
            self.gru = nn.GRU(20, 24, batch_first=True)
            self.visual, self.textual = nn.Linear(32, 3 * 16), nn.Linear(24, 3 * 16)
            self.out = nn.Linear(16, 10)

        def forward(self, features, question):
            read = self.gru(self.words(question))[1].squeeze(0)
            joined = torch.tanh(self.visual(features)) * torch.tanh(self.textual(read))
            return self.out(torch.tanh(joined.reshape(-1, 3, 16).sum(1)))

    inputs = {"features": torch.randn(1, 32), "question": torch.randint(0, 61, (1, 6))}
    return Spec(draw_weights(Mutan(), 92), inputs, ["logits"])
