"""ViT-Tiny/16, the network that ships.

Parameter names are those of timm's ``vit_tiny_patch16_224``, so that pretrained tensors load
by name.

References
----------
.. [1] Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021.
.. [2] Steiner et al., "How to train your ViT?" (the AugReg weights), TMLR 2022.
.. [3] Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016: class
   activation maps, here over patch tokens.
.. [4] Liu et al., "PatchDropout: Economizing Vision Transformers Using Patch Dropout", WACV 2023.
"""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from worksafe.errors import TrainingError
from worksafe.training.networks.base import FIRST_BIAS, HEAD, HazardsNetwork, read_tensors

PATCH_PX = 16
WIDTH = 192
DEPTH = 12
HEADS = 3
HEAD_WIDTH = WIDTH // HEADS
PLACES_TRUST = 0.3  # of a regression; leaving sources out, frozen: 0 .9832, 0.3 .9837, 1 .9822

POSITIONS = "pos_embed"
MERGE = "merge."
_NEW = (HEAD, MERGE)  # what ImageNet weights have no counterpart of


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, rows: Tensor, batch: int) -> Tensor:
        """Mix a picture's tokens with one another, (count * batch, width)."""
        query, key, value = (  # each (batch * heads, count, head width)
            part.reshape(-1, batch * HEADS, HEAD_WIDTH).transpose(0, 1)
            for part in self.qkv(rows).chunk(3, dim=1)
        )
        # Step by step: PyTorch's fused attention takes half as long again on a CPU, in bfloat16.
        alike = (query * HEAD_WIDTH**-0.5) @ key.transpose(1, 2)
        mixed = alike.softmax(dim=2) @ value
        out: Tensor = self.proj(mixed.transpose(0, 1).reshape(rows.shape))
        return out


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, rows: Tensor) -> Tensor:
        """Transform each token by itself, (count * batch, width)."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(rows)))
        return out


class Block(nn.Module):
    """One pre-norm transformer block with stochastic depth.

    Tokens are the rows of one matrix, (count * batch, width), the first of each picture first. So
    linear layers are products of two matrices, to which runtimes join the bias, and of attention
    only what it gives is laid out anew: 7 % less time in eight bits than with (batch, count, width)
    (docs/decisions/0032).

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

    def forward(self, rows: Tensor, batch: int) -> Tensor:
        """Attend, then transform, (count * batch, width)."""
        rows = rows + self._maybe_drop(self.attn(self.norm1(rows), batch), batch)
        return rows + self._maybe_drop(self.mlp(self.norm2(rows)), batch)

    def _maybe_drop(self, branch: Tensor, batch: int) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        mask = torch.rand(batch, 1, device=branch.device) < keep
        return branch * mask.repeat(branch.shape[0] // batch, 1) / keep


class PatchEmbed(nn.Module):
    """Cut the picture into patches and embed each."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH_PX, PATCH_PX)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed, (batch, 3, height, width) to (batch, patches, width)."""
        out: Tensor = self.proj(pixels)
        return out.flatten(2).transpose(1, 2)


class VisionTransformer(HazardsNetwork):
    """ViT-Tiny with merged neighbours, and a head that reads each place of the picture.

    With merging, each patch token joins the one below it (or two by two become one) after some
    blocks: the first blocks see fine detail, the others cost half (a quarter). The head scores the
    class token once and every place by itself; these scores of places are the map. A logit is the
    class token's part plus the mean of its map, so the map says where the thing was seen without a
    backward pass. With softmax pooling high places weigh more in that mean, so that a small thing
    is not averaged away.

    Parameters
    ----------
    outputs : int
        Number of logits.
    side_px : int
        Side of the square input, in pixels; a multiple of 16 (of 32 with merging).
    merge_after : int, default 0
        Blocks before neighbours are merged; 0 merges none.
    merged : {2, 4}, default 2
        How many become one.
    pooling : {"mean", "softmax"}, default "mean"
        How the map makes its part of a logit.
    drop_path : float, default 0
        Stochastic depth at the last block; it grows linearly from 0 at the first.

    Raises
    ------
    TrainingError
        If patches do not fill the input, or there are not so many blocks.

    Notes
    -----
    A step that looks at half of the places costs half the time and loses next to nothing [4]_.
    """

    def __init__(
        self,
        outputs: int,
        side_px: int,
        *,
        merge_after: int = 0,
        merged: Literal[2, 4] = 2,
        pooling: Literal["mean", "softmax"] = "mean",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        whole = 2 * PATCH_PX if merge_after else PATCH_PX
        if side_px % whole or merge_after >= DEPTH:
            msg = (
                f"a vit_tiny has {DEPTH} blocks and a side_px in multiples of {whole} (16, 32 with "
                f"merging), not {side_px} and {merge_after} before merging"
            )
            raise TrainingError(msg)
        self.depth = DEPTH + 1
        self.grid = side_px // PATCH_PX
        self.merge_after = merge_after
        self.pooling = pooling
        self.merged = merged
        self.rows = self.grid // 2 if merge_after else self.grid
        self.columns = self.grid // (merged // 2) if merge_after else self.grid
        self.patch_embed = PatchEmbed()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.grid**2 + 1, WIDTH))
        self.blocks = nn.ModuleList(Block(drop_path * i / (DEPTH - 1)) for i in range(DEPTH))
        if merge_after:
            self.merge = nn.Linear(merged * WIDTH, WIDTH)  # starts as the mean
            self.merge.weight.data.copy_(torch.eye(WIDTH).repeat(1, merged) / merged)
            self.merge.bias.data.zero_()
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(2 * WIDTH, outputs)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, FIRST_BIAS)
        self.register_load_state_dict_pre_hook(_fit_positions)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Score pictures; the maps of a step that dropped places are flat."""
        return self.read(self.tokens(pixels))

    def read(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the head to what `tokens` gives: logits and maps."""
        places = (tokens[:, 1:] @ self.head.weight[:, WIDTH:].T).transpose(1, 2)
        whole = functional.linear(tokens[:, 0], self.head.weight[:, :WIDTH], self.head.bias)
        if self.pooling == "softmax":
            logits = whole + (places.softmax(dim=2) * places).sum(dim=2)
        else:
            logits = whole + places.mean(dim=2)
        if self.training and self.kept_share < 1:
            return logits, places  # what is left of the grid has no shape
        return logits, places.unflatten(2, (self.rows, self.columns))

    def summary(self, pixels: Tensor) -> Tensor:
        """Return the class token beside the mean of the places, (batch, 2 * width)."""
        tokens = self.tokens(pixels)
        return torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=1)

    @property
    def trust(self) -> Tensor:
        """The class token is what ImageNet's labels were told by; places hold less for others."""
        return torch.cat([torch.ones(WIDTH), torch.full((WIDTH,), PLACES_TRUST)])

    def tokens(self, pixels: Tensor) -> Tensor:
        """Return the class token and one token for each place, (batch, 1 + places, width)."""
        patches = self.patch_embed(pixels) + self.pos_embed[:, 1:]
        cls = (self.cls_token + self.pos_embed[:, :1]).expand(patches.shape[0], -1, -1)
        if self.merge_after:
            patches = self._neighbours(patches)
        if self.training and self.kept_share < 1:
            patches = self._drop(patches)
        if self.merge_after:
            patches = patches.reshape(patches.shape[0], -1, WIDTH)
        rows, batch = _to_rows(torch.cat([cls, patches], dim=1)), patches.shape[0]
        for index, block in enumerate(self.blocks):
            if index and index == self.merge_after:
                rows = _to_rows(self._merge(_to_tokens(rows, batch)))
            rows = block(rows, batch)
        return _to_tokens(self.norm(rows), batch)

    def _merge(self, tokens: Tensor) -> Tensor:
        """Let neighbours become one, (batch, 1 + rows * columns, width)."""
        neighbours = tokens[:, 1:].reshape(tokens.shape[0], -1, self.merged * WIDTH)
        return torch.cat([tokens[:, :1], self.merge(neighbours)], dim=1)

    def _neighbours(self, patches: Tensor) -> Tensor:
        """Lay those side by side that become one, (batch, rows * columns, merged * width)."""
        across = self.merged // 2
        squares = patches.reshape(-1, self.rows, 2, self.columns, across, WIDTH).transpose(2, 3)
        return squares.reshape(-1, self.rows * self.columns, self.merged * WIDTH)

    def _drop(self, patches: Tensor) -> Tensor:
        """Keep a random share of the places, (batch, kept, width or merged * width)."""
        count = patches.shape[1]
        order = torch.rand(patches.shape[0], count, device=patches.device).argsort(dim=1)
        kept = order[:, : round(self.kept_share * count)]
        return patches.gather(1, kept[:, :, None].expand(-1, -1, patches.shape[2]))

    def layer_of(self, name: str) -> int:
        """Count blocks: 1 is the embedding, then the blocks from 2."""
        if name.startswith("blocks."):
            return int(name.split(".")[1]) + 2
        if name.startswith(MERGE):
            return self.merge_after + 1
        return self.depth + 1 if name.startswith(("norm.", HEAD)) else 1

    def start_from(self, path: Path) -> None:
        """Take over a safetensors file with timm's names, or of an earlier run's network.

        What ImageNet weights have no counterpart of (merging, and the head) is taken where the
        file has it in the same shape.
        """
        tensors = {name: tensor.float() for name, tensor in read_tensors(path).items()}
        own = self.state_dict()
        fitting = {
            name: tensor
            for name, tensor in tensors.items()
            if name == POSITIONS or (name in own and own[name].shape == tensor.shape)
        }
        missing = {name for name in own.keys() - fitting.keys() if not name.startswith(_NEW)}
        if missing:
            msg = f"{path.name} lacks {sorted(missing)[:3]} and {len(missing)} tensors in all"
            raise TrainingError(msg)
        self.load_state_dict(fitting, strict=False)


def _to_rows(tokens: Tensor) -> Tensor:
    """Lay tokens out as blocks want them, (batch, count, width) to (count * batch, width)."""
    return tokens.transpose(0, 1).flatten(0, 1)


def _to_tokens(rows: Tensor, batch: int) -> Tensor:
    """Lay rows out by picture, (count * batch, width) to (batch, count, width)."""
    return rows.unflatten(0, (-1, batch)).transpose(0, 1)


def _fit_positions(network: nn.Module, tensors: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Before weights are loaded: they may be of a network for another size of picture."""
    assert isinstance(network, VisionTransformer)  # noqa: S101 - whose hook it is
    if f"{prefix}{POSITIONS}" in tensors:
        positions = tensors[f"{prefix}{POSITIONS}"]
        tensors[f"{prefix}{POSITIONS}"] = resize_positions(positions, network.grid)


def resize_positions(positions: Tensor, grid: int) -> Tensor:
    """Interpolate position embeddings to another size of picture.

    Parameters
    ----------
    positions : Tensor, shape (1, 1 + n * n, width)
        The class token's, then those of a square of places.
    grid : int
        Places on each side of the new square.

    Returns
    -------
    Tensor, shape (1, 1 + grid * grid, width)
        The same where the size is.
    """
    cls, patches = positions[:, :1], positions[:, 1:]
    side = round(patches.shape[1] ** 0.5)
    if side == grid:
        return positions
    square = patches.reshape(1, side, side, WIDTH).permute(0, 3, 1, 2)
    square = functional.interpolate(
        square, size=(grid, grid), mode="bicubic", align_corners=False, antialias=True
    )
    return torch.cat([cls, square.permute(0, 2, 3, 1).reshape(1, grid * grid, WIDTH)], dim=1)
