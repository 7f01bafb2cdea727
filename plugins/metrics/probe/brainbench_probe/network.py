"""Networks of one depth, stacked: one tensor holds a parameter of all of them.

Each network is

    x = Σ_l w_l e_l,  w = |a| / Σ|a|
    h_k = W_k y_(k-1) + b_k,  y_k = ReLU(dropout(batch norm(h_k))),  y_0 = x
    z = V y_K + c

Activations are (network, unit, clip), so that the statistics of batch normalisation run along
memory. Batch normalisation takes `b` away again in training, but in validation the running mean is
late: it starts at 0, and Adam lets `b` wander, as it divides a gradient of mere rounding by its
size. When training stops depends on that, so `b` is there, as in the released network.

Gradients are written out: temporary arrays are made once and used in every step, and no gradient
is kept longer than until its parameter has moved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch.optim.adam import adam

from .settings import Protocol, Setting
from .workspace import Workspace

Tensor = torch.Tensor
_MOMENTUM, _EPSILON = 0.1, 1e-5
_RELU_GAIN = 2**0.5
_STATISTICS = ("mean", "variance")


def initial_parameters(
    setting: Setting,
    protocol: Protocol,
    *,
    layers: int,
    features: int,
    labels: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the parameters of one network before training, by name.

    ``mix`` (layer,) are the `a` above; for hidden layer k from 1: ``weight{k}`` (unit, input),
    ``bias{k}`` (unit,), and ``gain{k}``, ``shift{k}``, ``mean{k}``, ``variance{k}`` (unit,) of the
    batch normalisation; ``out`` (label, unit) and ``out_bias`` (label,).
    """
    units = protocol.hidden_units
    found = {"mix": torch.ones(layers)}
    width = features
    for k in range(1, setting.hidden_layers + 1):
        found[f"weight{k}"] = _matrix(units, width, setting, 1.0, generator)
        found[f"bias{k}"] = _bias(units, width, generator)
        found |= {f"gain{k}": torch.ones(units), f"shift{k}": torch.zeros(units)}
        found |= {f"mean{k}": torch.zeros(units), f"variance{k}": torch.ones(units)}
        width = units
    found["out"] = _matrix(labels, width, setting, _RELU_GAIN, generator)
    found["out_bias"] = _bias(labels, width, generator)
    return found


def _matrix(
    rows: int, columns: int, setting: Setting, gain: float, generator: torch.Generator
) -> Tensor:
    fill = {
        "uniform": torch.nn.init.xavier_uniform_,
        "normal": torch.nn.init.xavier_normal_,
    }[setting.initialisation]
    return fill(torch.empty(rows, columns), gain=gain, generator=generator)


def _bias(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    limit = columns**-0.5
    return torch.empty(rows).uniform_(-limit, limit, generator=generator)


def mixing(mix: Tensor) -> Tensor:
    """Return the weights of the layers, ``|a| / Σ|a|`` along the last axis."""
    size = mix.abs()
    return size / size.sum(dim=-1, keepdim=True)


class Stack:
    """Networks of one depth, their state in training and their best state.

    Parameters
    ----------
    single : sequence of dict of tensors
        The parameters of each network, see `initial_parameters`.
    places : sequence of (int, int)
        Number of the fold, and place of the setting in the grid. Networks of a fold stand beside
        each other.
    rates : sequence of float
        Their learning rates.
    norm_after_activation : bool
    device : str

    Attributes
    ----------
    loss : float32 tensor (network,)
        For the sum of the loss over the clips of an epoch.
    """

    def __init__(
        self,
        single: Sequence[Mapping[str, Tensor]],
        places: Sequence[tuple[int, int]],
        rates: Sequence[float],
        *,
        norm_after_activation: bool = False,
        device: str = "cpu",
    ) -> None:
        self.places, self.rates = list(places), list(rates)
        self.depth = sum(name.startswith("weight") for name in single[0])
        self.after = norm_after_activation
        self.values = {
            name: torch.stack([one[name] for one in single]).to(device) for name in single[0]
        }
        learned = [name for name in self.values if not name.startswith(_STATISTICS)]
        self.first = {name: torch.zeros_like(self.values[name]) for name in learned}
        self.second = {name: torch.zeros_like(self.values[name]) for name in learned}
        self.steps = {name: torch.zeros(len(single), device=device) for name in learned}
        self.loss = torch.zeros(len(single), device=device)

    def __len__(self) -> int:
        return len(self.places)

    def keep(self, rows: Sequence[int]) -> None:
        """Let all other networks leave the stack."""
        self.places = [self.places[row] for row in rows]
        self.rates = [self.rates[row] for row in rows]
        for state in (self.values, self.first, self.second, self.steps):
            for name, value in state.items():
                state[name] = value[list(rows)]
        self.loss = self.loss[list(rows)]

    def of(self, folds: Collection[int]) -> slice:
        """Return which networks are of some folds that stand beside each other."""
        rows = [row for row, (fold, _) in enumerate(self.places) if fold in folds]
        return slice(rows[0], rows[-1] + 1) if rows else slice(0, 0)

    def copy(self, row: int) -> dict[str, Tensor]:
        """Return a copy of the parameters of one network."""
        return {name: value[row].clone() for name, value in self.values.items()}

    def forward(
        self, inputs: Tensor, part: slice, space: Workspace, masks: Tensor | None
    ) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Return the logits of some networks, and what `backward` needs.

        Parameters
        ----------
        inputs : float32 tensor (network, clip, feature)
            The mean of the layers that each of these networks sees.
        part : slice
            Which networks of the stack.
        space : Workspace
            What is returned lies in it.
        masks : float32 tensor (hidden layer, network, unit, clip), optional
            Dropout, or (hidden layer, 1, unit, clip), the same for all networks; None: not in
            training.

        Returns
        -------
        float32 tensor (network, label, clip), list of dict of tensors
        """
        below, trace = inputs.transpose(1, 2), []
        for k in range(1, self.depth + 1):
            weight = self.values[f"weight{k}"][part]
            bias = self.values[f"bias{k}"][part, :, None]
            shape = (len(weight), weight.shape[1], below.shape[2])
            hidden = torch.baddbmm(bias, weight, below, out=space.take(f"hidden{k}", *shape))
            step = {"below": below, "hidden": hidden}
            above = space.take(f"above{k}", *shape)
            mask = None if masks is None else masks[k - 1]
            if self.after:
                _activate(hidden, mask)
                self._normalise(k, part, hidden, above, step, training=masks is not None)
            else:
                self._normalise(k, part, hidden, above, step, training=masks is not None)
                _activate(above, mask)
            step["above"] = below = above
            trace.append(step)
        out = self.values["out"][part]
        logits = space.take("logits", len(out), out.shape[1], below.shape[2])
        torch.bmm(out, below, out=logits).add_(self.values["out_bias"][part, :, None])
        return logits, trace

    def _normalise(
        self,
        k: int,
        part: slice,
        values: Tensor,
        out: Tensor,
        step: dict[str, Tensor],
        *,
        training: bool,
    ) -> None:
        """Normalise each unit over the clips; networks and units are channels of one call."""
        flat = (1, values.shape[0] * values.shape[1], values.shape[2])
        names = ("gain", "shift", "mean", "variance")
        gain, shift, mean, variance = (self.values[f"{n}{k}"][part].view(-1) for n in names)
        step["centre"], step["scale"] = torch.empty_like(mean), torch.empty_like(mean)
        torch.ops.aten.native_batch_norm.out(
            values.view(flat),
            gain,
            shift,
            mean,
            variance,
            training,
            _MOMENTUM,
            _EPSILON,
            out=out.view(flat),
            save_mean=step["centre"],
            save_invstd=step["scale"],
        )

    def backward(
        self,
        gradient: Tensor,
        trace: list[dict[str, Tensor]],
        part: slice,
        space: Workspace,
        *,
        keep: float,
        inputs: Tensor | None,
    ) -> None:
        """Move the parameters of some networks against their gradients, except ``mix``.

        Parameters
        ----------
        gradient : float32 tensor (network, label, clip)
            Of the loss by the logits.
        trace : list of dict of tensors
            From `forward`.
        part : slice
            Which networks of the stack.
        space : Workspace
        keep : float
            Probability with which dropout keeps a unit.
        inputs : float32 tensor (network, clip, feature), optional
            Where to write the gradient by the inputs; may be the inputs themselves.
        """
        top = trace[-1]["above"]
        changes = {"out": _product(gradient, top.transpose(1, 2), space, "out")}
        changes["out_bias"] = gradient.sum(dim=2)
        # what dropout keeps is larger by 1 / keep, and so is its gradient
        scale = 1.0 if self.after else 1 / keep
        above = _product(self.values["out"][part].mT, gradient, space, "error", scale)
        for k in range(self.depth, 0, -1):
            step = trace[k - 1]
            if not self.after:
                torch.ops.aten.threshold_backward.grad_input(
                    above, step["above"], 0, grad_input=above
                )
            below = self._unnormalise(k, part, above, step, changes)
            if self.after:
                torch.ops.aten.threshold_backward.grad_input(
                    below, step["hidden"], 0, grad_input=below
                )
                below.mul_(1 / keep)
            changes[f"bias{k}"] = below.sum(dim=2)
            changes[f"weight{k}"] = _product(below, step["below"].mT, space, f"weight{k}")
            weight = self.values[f"weight{k}"][part]
            if k > 1:
                above = _product(weight.mT, below, space, "error", scale)
            elif inputs is not None:
                torch.bmm(below.mT, weight, out=inputs)
        self.move(changes, part)

    def _unnormalise(
        self,
        k: int,
        part: slice,
        above: Tensor,
        step: dict[str, Tensor],
        changes: dict[str, Tensor],
    ) -> Tensor:
        networks, units, clips = above.shape
        flat = (1, networks * units, clips)
        names = ("gain", "mean", "variance")
        below, gain, shift = torch.ops.aten.native_batch_norm_backward(
            above.view(flat),
            step["hidden"].view(flat),
            *(self.values[f"{name}{k}"][part].view(-1) for name in names),
            step["centre"],
            step["scale"],
            True,
            _EPSILON,
            [True, True, True],
        )
        changes[f"gain{k}"] = gain.view(networks, units)
        changes[f"shift{k}"] = shift.view(networks, units)
        return torch.as_tensor(below).view(networks, units, clips)

    def move(self, changes: dict[str, Tensor], part: slice) -> None:
        """Take one step of Adam for each of some networks.

        Parameters
        ----------
        changes : dict of tensors (network, …)
            Gradients of some of the parameters.
        part : slice
            Which networks of the stack.
        """
        rows = range(len(self))[part]
        for rate in sorted({self.rates[row] for row in rows}):
            same = [row for row in rows if self.rates[row] == rate]
            each = [(name, row) for name in changes for row in same]
            adam(
                [self.values[name][row] for name, row in each],
                [changes[name][row - rows.start] for name, row in each],
                [self.first[name][row] for name, row in each],
                [self.second[name][row] for name, row in each],
                [],
                [self.steps[name][row] for name, row in each],
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=rate,
                weight_decay=0,
                eps=1e-8,
                maximize=False,
            )


def _activate(values: Tensor, mask: Tensor | None) -> None:
    """Apply ReLU and dropout in place; their order makes no difference."""
    torch.relu_(values)
    if mask is not None:
        values.mul_(mask)


def _product(left: Tensor, right: Tensor, space: Workspace, name: str, scale: float = 1) -> Tensor:
    """Return ``scale * left @ right`` in the workspace."""
    out = space.take(f"gradient {name}", left.shape[0], left.shape[1], right.shape[2])
    return torch.baddbmm(out, left, right, beta=0, alpha=scale, out=out)
