"""The hazards network: ViT-Tiny/16 with one logit per output and a map of where it looks.

Parameter names are those of timm's ``vit_tiny_patch16_224``, so that pretrained tensors load
by name.

References
----------
.. [1] Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021.
.. [2] Steiner et al., "How to train your ViT?" (the AugReg weights), TMLR 2022.
.. [3] Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016: class
   activation maps, here over patch tokens.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

PATCH_PX = 16
WIDTH = 192
DEPTH = 12
HEADS = 3


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens, shape (batch, tokens, width), with one another."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, HEADS, width // HEADS)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, tokens, head width)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        return out


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform each token by itself, shape (batch, tokens, width)."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return out


class Block(nn.Module):
    """One pre-norm transformer block with stochastic depth.

    Parameters
    ----------
    drop_path : float
        Probability that a training example skips a branch of this block.
    """

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = Mlp()

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend, then transform, shape (batch, tokens, width)."""
        tokens = tokens + self._maybe_drop(self.attn(self.norm1(tokens)))
        return tokens + self._maybe_drop(self.mlp(self.norm2(tokens)))

    def _maybe_drop(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        mask = torch.rand(branch.shape[0], 1, 1, device=branch.device) < keep
        return branch * mask / keep


class PatchEmbed(nn.Module):
    """Cut the picture into patches and embed each."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH_PX, PATCH_PX)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed, (batch, 3, height, width) to (batch, patches, width)."""
        out: Tensor = self.proj(pixels)
        return out.flatten(2).transpose(1, 2)


class HazardsNetwork(nn.Module):
    """ViT-Tiny whose head reads the class token and the mean of the patch tokens.

    The part of the head that reads the patches, applied to each patch by itself, is the map:
    what each place of the picture adds to each logit. It costs one small matrix product and no
    backward pass.

    Parameters
    ----------
    outputs : int
        Number of logits.
    side_px : int
        Side of the square input, in pixels; a multiple of 16.
    drop_path : float, default 0
        Stochastic depth at the last block; it grows linearly from 0 at the first.
    """

    def __init__(self, outputs: int, side_px: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.grid = side_px // PATCH_PX
        self.patch_embed = PatchEmbed()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.grid**2 + 1, WIDTH))
        self.blocks = nn.ModuleList(Block(drop_path * i / (DEPTH - 1)) for i in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(2 * WIDTH, outputs)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, -2.0)  # most outputs are negative for most pictures

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Score pictures.

        Parameters
        ----------
        pixels : Tensor of float32, shape (batch, 3, side, side)
            Normalised RGB planes.

        Returns
        -------
        logits : Tensor, shape (batch, outputs)
        maps : Tensor, shape (batch, outputs, grid, grid)
            What each patch adds to each logit; higher is more.
        """
        tokens = self.patch_embed(pixels)
        cls = self.cls_token.expand(tokens.shape[0], -1, -1)
        tokens = torch.cat([cls, tokens], dim=1) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)  # (batch, 1 + patches, width)
        patches = tokens[:, 1:]
        logits: Tensor = self.head(torch.cat([tokens[:, 0], patches.mean(dim=1)], dim=1))
        maps = patches @ self.head.weight[:, WIDTH:].T  # (batch, patches, outputs)
        return logits, maps.transpose(1, 2).reshape(-1, logits.shape[1], self.grid, self.grid)


def load_pretrained(network: HazardsNetwork, path: Path) -> None:
    """Start from ImageNet weights: everything but the head, which stays as it was drawn.

    Parameters
    ----------
    network : HazardsNetwork
        Changed in place.
    path : Path
        A safetensors file with timm's names for ``vit_tiny_patch16_224``.

    Raises
    ------
    KeyError
        If the file lacks a tensor of the network.
    """
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    tensors["pos_embed"] = _resize_positions(tensors["pos_embed"], network.grid)
    wanted = {name for name in network.state_dict() if not name.startswith("head.")}
    if missing := wanted - tensors.keys():
        msg = f"{path.name} lacks {sorted(missing)[:3]} and {len(missing)} tensors in all"
        raise KeyError(msg)
    network.load_state_dict({name: tensors[name] for name in wanted}, strict=False)


def _resize_positions(positions: Tensor, grid: int) -> Tensor:
    """Interpolate position embeddings, (1, 1 + n * n, width) to (1, 1 + grid * grid, width)."""
    cls, patches = positions[:, :1], positions[:, 1:]
    side = round(patches.shape[1] ** 0.5)
    square = patches.reshape(1, side, side, WIDTH).permute(0, 3, 1, 2)
    square = functional.interpolate(
        square, size=(grid, grid), mode="bicubic", align_corners=False, antialias=True
    )
    return torch.cat([cls, square.permute(0, 2, 3, 1).reshape(1, grid * grid, WIDTH)], dim=1)


def layer_of(name: str) -> int:
    """Tell how deep a parameter lies: 0 for the embedding, DEPTH + 1 for the head."""
    if name.startswith("blocks."):
        return int(name.split(".")[1]) + 1
    return DEPTH + 1 if name.startswith(("norm.", "head.")) else 0
