"""The architectures of the embedded experts. Shapes: B batch, T tokens, C channels, Y rows, X columns, A answers."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from maestro_env.experts.tokens import NUM_BUCKETS
from maestro_env.tasks.procedural.wordings import ANSWERS

NOT_VISIBLE = len(ANSWERS)
"""Index of the answer that says that the view does not show what is asked about."""
READER_PX = 64
LOCATOR_PX = 128
LOCATOR_CELLS = 16
"""A locator answers on a grid of this many cells a side."""
VIEW_DIM = 32
READER_WIDTH = 64
MONOLITH_WIDTH = 112
"""Channels of the monolith: three times a reader's parameters and multiply-adds."""
_QUESTION_DIM = 64
_N = TypeVar("_N", bound=nn.Module)


class QuestionEncoder(nn.Module):
    """Hashed words and word pairs to a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_BUCKETS, _QUESTION_DIM, padding_idx=0)
        hidden = [nn.Linear(_QUESTION_DIM, 128), nn.ReLU(), nn.Linear(128, _QUESTION_DIM), nn.ReLU()]
        self.layers = nn.Sequential(*hidden, nn.LayerNorm(_QUESTION_DIM))

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return self.layers(self.embedding(tokens_BT).sum(1))


class FilmBlock(nn.Module):
    """A residual convolution whose channels are scaled and shifted by the question (Perez et al. 2018, FiLM)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.film = nn.Linear(_QUESTION_DIM, 2 * channels)
        # At first the question changes nothing: before it means something, it would only disturb.
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x_BCYX: Tensor, question_BQ: Tensor) -> Tensor:
        scale_BC, shift_BC = self.film(question_BQ).chunk(2, dim=1)
        hidden = self.norm(self.convolution(x_BCYX))
        return x_BCYX + functional.relu(hidden * (1 + scale_BC[:, :, None, None]) + shift_BC[:, :, None, None])


def _down(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride=2, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())


def _with_coordinates(images_BCYX: Tensor) -> Tensor:
    """Append two channels that say where a pixel is, each from -1 to 1."""
    batch, _, rows, columns = images_BCYX.shape
    y = torch.linspace(-1, 1, rows, dtype=images_BCYX.dtype, device=images_BCYX.device).view(1, 1, rows, 1)
    x = torch.linspace(-1, 1, columns, dtype=images_BCYX.dtype, device=images_BCYX.device).view(1, 1, 1, columns)
    grid = [y.expand(batch, 1, rows, columns), x.expand(batch, 1, rows, columns)]
    return torch.cat([images_BCYX, *grid], dim=1)


def _with_relief(images_BCYX: Tensor) -> Tensor:
    """Append each picture's colours relative to their mean, in units of its contrast: faint print is print.

    Without them, readers take ten times as many steps to learn letters.
    """
    centred_BCYX = images_BCYX - images_BCYX.mean((2, 3), keepdim=True)
    contrast_B111 = centred_BCYX.pow(2).mean((1, 2, 3), keepdim=True).sqrt()
    return torch.cat([images_BCYX * 2 - 1, centred_BCYX / (contrast_B111 + 0.02)], dim=1)


class Reader(nn.Module):
    """Answers a question about a view: closed vocabulary, and `not visible`. About 0.6 M parameters at the usual width.

    Args:
        width: Channels of the first blocks; the last ones have twice as many.
    """

    def __init__(self, width: int = READER_WIDTH) -> None:
        super().__init__()
        deep = 2 * width
        self.question = QuestionEncoder()
        self.stem = nn.Sequential(_down(8, width // 2, kernel=5), _down(width // 2, width))
        self.middle = FilmBlock(width)
        self.down = _down(width, deep)
        self.late = FilmBlock(deep)
        self.query = nn.Linear(_QUESTION_DIM, deep)
        self.position = nn.Parameter(torch.zeros(1, deep, 64))
        self.layout = nn.Conv2d(deep, 8, 1)
        self.head = nn.Sequential(
            nn.Linear(deep * 3 + 512 + _QUESTION_DIM, 3 * width), nn.ReLU(), nn.Linear(3 * width, len(ANSWERS) + 1)
        )

    def forward(self, images_BCYX: Tensor, tokens_BT: Tensor) -> Tensor:
        """Return logits [B, A + 1] for views [B, 3, 64, 64] in [0, 1] and tokens [B, T]."""
        question_BQ = self.question(tokens_BT)
        x = self.middle(self.stem(_with_coordinates(_with_relief(images_BCYX))), question_BQ)
        x = self.late(self.down(x), question_BQ)
        cells_BCN = x.flatten(2)
        keys_BCN = cells_BCN + self.position
        query_BC = self.query(question_BQ)
        weights_BN = torch.softmax((query_BC[:, :, None] * keys_BCN).sum(1) / query_BC.shape[1] ** 0.5, dim=1)
        attended_BC = (keys_BCN * weights_BN[:, None]).sum(2)
        layout_BN = functional.relu(self.layout(x)).flatten(1)
        # The mean sees what fills the view, the maximum what is small.
        pooled = [attended_BC, cells_BCN.mean(2), cells_BCN.amax(2), layout_BN, question_BQ]
        return self.head(torch.cat(pooled, dim=1))


class Locator(nn.Module):
    """Says where in a picture the figure is that a question is about. About 0.3 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.question = QuestionEncoder()
        self.stem = nn.Sequential(_down(5, 24, kernel=5), _down(24, 48), _down(48, 96))
        self.blocks = nn.ModuleList([FilmBlock(96), FilmBlock(96)])
        self.heat = nn.Conv2d(96, 1, 1)
        self.geometry = nn.Conv2d(96, 3, 1)

    def forward(self, images_BCYX: Tensor, tokens_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Return cell logits [B, 256] and geometry [B, 3, 256] for pictures [B, 3, 128, 128] in [0, 1].

        Geometry is the centre's offset from the cell's centre in cells (x, y), and the log of the side as a share of
        the picture.
        """
        question_BQ = self.question(tokens_BT)
        x = self.stem(_with_coordinates(images_BCYX * 2 - 1))
        for block in self.blocks:
            x = block(x, question_BQ)
        return self.heat(x).flatten(1), self.geometry(x).flatten(2)


class Viewer(nn.Module):
    """Embeds what a view shows, whatever the question; trained to tell kinds of figures apart."""

    def __init__(self, num_kinds: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_down(5, 32, kernel=5), _down(32, 64), _down(64, 96))
        self.embed = nn.Linear(96, VIEW_DIM)
        self.classify = nn.Linear(VIEW_DIM, num_kinds)

    def forward(self, images_BCYX: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings [B, VIEW_DIM] of length 1, and logits over kinds, for views [B, 3, 64, 64] in [0, 1]."""
        pooled_BC = self.body(_with_coordinates(images_BCYX * 2 - 1)).mean((2, 3))
        embedding = functional.normalize(self.embed(pooled_BC), dim=1)
        return embedding, self.classify(embedding * 8.0)


def channels_last(network: _N) -> _N:
    """Lay a network's weights out as convolutions on CPUs are fastest with; returns the same network."""
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network


def multiply_adds(network: nn.Module, *inputs: Tensor) -> int:
    """Count the multiply-adds of one forward pass: those of convolutions and linear layers."""
    total = 0

    def count(layer: nn.Module, _arguments: object, output: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, Tensor)
        places = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        total += weight.numel() * places

    hooks = [
        layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        network(*inputs)
    for hook in hooks:
        hook.remove()
    return total
