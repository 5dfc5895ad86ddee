"""Writes a CLIP of some hundred kilobytes with random weights: it loads and embeds as a real one, and knows nothing."""

from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

DIMENSIONS = 16
_SIDE = 32
_START, _END = "<|startoftext|>", "<|endoftext|>"


def write(folder: Path, seed: int = 0) -> Path:
    """The model in ``folder`` (made here), as sentence-transformers loads it."""
    torch.manual_seed(seed)
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), _START, _END]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = CLIPTextConfig(
        vocab_size=len(tokens),
        bos_token_id=vocabulary[_START],
        eos_token_id=vocabulary[_END],
        pad_token_id=vocabulary[_END],
        projection_dim=DIMENSIONS,
        **layers,
    )
    vision = CLIPVisionConfig(image_size=_SIDE, patch_size=8, projection_dim=DIMENSIONS, **layers)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=DIMENSIONS)
    crop = {"height": _SIDE, "width": _SIDE}
    processor = CLIPProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": _SIDE}, crop_size=crop),
        tokenizer=CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77),
    )
    CLIPModel(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
