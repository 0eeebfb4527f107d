"""Keys and values of earlier tokens, as flat lists of tensors and as the classes of transformers."""

from transformers.cache_utils import DynamicCache, DynamicLayer, EncoderDecoderCache


def filled(tensors):
    """A cache from [keys 0, values 0, keys 1, …]."""
    cache = DynamicCache()
    cache.layers = []
    for keys, values in zip(tensors[::2], tensors[1::2]):
        layer = DynamicLayer()
        layer.keys, layer.values = keys, values
        layer.dtype, layer.device, layer.is_initialized = keys.dtype, keys.device, True
        cache.layers.append(layer)
    return cache


def filled_cross(past, cross):
    """The cache of a decoder whose keys and values from the encoder are there already."""
    cache = EncoderDecoderCache(filled(past), filled(cross))
    for layer in range(len(cross) // 2):
        cache.is_updated[layer] = True
    return cache


def flat(cache):
    """[keys 0, values 0, keys 1, …]"""
    return [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]


def names(kind, layers, parts):
    """Output names in the order of `flat`."""
    return [f"{kind}.{layer}.{part}" for layer in range(layers) for part in parts]
