# SPDX-License-Identifier: MIT
"""The peer of bench/run.sh: CUT/ASP's antialiased 6-block generator, or the paper's, in PyTorch.

usage: torch_peer.py forward|backward WEIGHTS.pth INPUT.f32 SIZE THREADS REPEATS OUTPUT.f32

Reads SIZE*SIZE*3 float32 (CHW), runs the network REPEATS times and writes the output (forward) or the gradient of the
input (backward of sum(y*y)/2) as raw float32. Prints one line:
    median_ms min_ms max_rss_kib
"""
import resource
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Down(nn.Module):
    def __init__(self, c):
        super().__init__()
        t = torch.tensor([1.0, 2.0, 1.0])
        f = t[:, None] * t[None, :]
        self.register_buffer("filt", (f / f.sum())[None, None].repeat(c, 1, 1, 1))

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


class Up(nn.Module):
    def __init__(self, c):
        super().__init__()
        t = torch.tensor([1.0, 3.0, 3.0, 1.0])
        f = t[:, None] * t[None, :]
        self.register_buffer("filt", (f / f.sum() * 4)[None, None].repeat(c, 1, 1, 1))

    def forward(self, x):
        y = F.conv_transpose2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), self.filt, stride=2, padding=2,
                               groups=x.shape[1])
        return y[:, :, 1:, 1:][:, :, :-1, :-1]


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv_block = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c), nn.ReLU(True),
                                        nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c))

    def forward(self, x):
        return x + self.conv_block(x)


TAPS = (0, 4, 8, 12, 16)


class Generator(nn.Module):
    """wide: how often as many channels enter the layers behind each step up; stem: the first kernel's side."""

    def __init__(self, ngf=64, blocks=6, stem=7, wide=(1, 1)):
        super().__init__()
        n = ngf
        layers = [nn.ReflectionPad2d(stem // 2), nn.Conv2d(3, n, stem), nn.InstanceNorm2d(n), nn.ReLU(True)]
        for m in (1, 2):
            layers += [nn.Conv2d(n * m, n * m * 2, 3, padding=1), nn.InstanceNorm2d(n * m * 2), nn.ReLU(True),
                       Down(n * m * 2)]
        layers += [Block(n * 4) for _ in range(blocks)]
        for m, w in ((4, 1), (2, wide[0])):
            layers += [Up(n * m * w), nn.Conv2d(n * m * w, n * m // 2, 3, padding=1), nn.InstanceNorm2d(n * m // 2),
                       nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(n * wide[1], 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)

    def encode(self, x):
        """The taps of PatchNCE. The way back from their sampling is channels last, which instance_norm's backward of
        PyTorch 1.13 takes for channels first when the batch is one image; hence contiguous()."""
        taps = []
        for i, layer in enumerate(self.model):
            x = layer(x)
            if i in TAPS:
                if x.requires_grad:
                    x.register_hook(lambda g: g.contiguous())
                taps.append(x)
            if i == TAPS[-1]:
                return taps


def report(times):
    print("%.1f %.1f %d" % (statistics.median(times), min(times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def network(weights):
    """The network whose weights these are. The paper's gates normalise by the picture at hand, as its test code does."""
    if "ammfi0.w_a.conv.weight" not in weights:
        net = Generator(weights["model.1.bias"].numel())
    else:
        from torch_step import Ammfi, spectral  # which imports this file
        hidden = [weights["ammfi%d.cbam.ChannelGate.mlp.1.bias" % i].numel() for i in range(2)]
        net = Ammfi(weights["model.1.bias"].numel(), hidden)
        spectral(net.model)
    net.load_state_dict(weights)
    net.model.eval()  # spectral norm stays where it is
    return net


def run():
    what, weights, inp, size, threads, repeats, out = sys.argv[1:8]
    size, repeats = int(size), int(repeats)
    torch.set_num_threads(int(threads))
    net = network(torch.load(weights, map_location="cpu"))
    x = torch.from_numpy(np.fromfile(inp, np.float32).reshape(1, 3, size, size))
    times = []
    for i in range(repeats + 1):
        if what == "forward":
            with torch.no_grad():
                t = time.perf_counter()
                y = net(x)
                t = time.perf_counter() - t
        else:
            x.requires_grad_(True)
            x.grad = None
            net.zero_grad(set_to_none=True)
            z = net(x)
            loss = (z * z).sum() / 2
            t = time.perf_counter()
            loss.backward()
            t = time.perf_counter() - t
            y = x.grad
        if i or repeats == 0:
            times.append(t * 1e3)
    y.detach().numpy().astype(np.float32).tofile(out)
    report(times)


if __name__ == "__main__":
    run()
