# SPDX-License-Identifier: MIT
"""The peer of bench/run.sh: CUT/ASP's antialiased 6-block generator, and ASP's step of training, in PyTorch.

usage: torch_peer.py forward|backward WEIGHTS.pth INPUT.f32 SIZE THREADS REPEATS OUTPUT.f32
       torch_peer.py step DIR THREADS STEPS LOSSES.txt [lean]

The first reads SIZE*SIZE*3 float32 (CHW), runs the network REPEATS times and writes the output (forward) or the
gradient of the input (backward of sum(y*y)/2) as raw float32. The second takes what bench_train_step init left in
DIR, trains STEPS steps after a first one, and writes a line STEP LOSS VALUE for each loss of each step. It does as
the published code does (models/cpt_model.py): the passes that make keys leave a graph behind, which is never used.
With "lean" they run under no_grad, as restain's do. Both print one line:
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


def spectral(net):
    for m in list(net.modules()):
        if isinstance(m, nn.Conv2d):
            nn.utils.spectral_norm(m)
    return net


class Generator(nn.Module):
    def __init__(self, ngf=64, blocks=6):
        super().__init__()
        n = ngf
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, n, 7), nn.InstanceNorm2d(n), nn.ReLU(True)]
        for m in (1, 2):
            layers += [nn.Conv2d(n * m, n * m * 2, 3, padding=1), nn.InstanceNorm2d(n * m * 2), nn.ReLU(True),
                       Down(n * m * 2)]
        layers += [Block(n * 4) for _ in range(blocks)]
        for m in (4, 2):
            layers += [Up(n * m), nn.Conv2d(n * m, n * m // 2, 3, padding=1), nn.InstanceNorm2d(n * m // 2),
                       nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(n, 3, 7), nn.Tanh()]
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


class Discriminator(nn.Module):
    def __init__(self, ndf, blocks=5):
        super().__init__()
        m = [ndf * min(2**n, 8) for n in range(blocks + 1)]
        layers = [nn.Conv2d(3, ndf, 4, padding=1), nn.LeakyReLU(0.2, True), Down(ndf)]
        for n in range(1, blocks + 1):
            layers += [nn.Conv2d(m[n - 1], m[n], 4, padding=1), nn.InstanceNorm2d(m[n]), nn.LeakyReLU(0.2, True)]
            if n < blocks:
                layers += [Down(m[n])]
        self.enc = nn.Sequential(*layers)
        self.final_conv = nn.Conv2d(m[blocks], 1, 4, padding=1)

    def forward(self, x):
        return self.final_conv(self.enc(x))


class Heads(nn.Module):
    def __init__(self, widths, nc):
        super().__init__()
        for i, c in enumerate(widths):
            setattr(self, "mlp_%d" % i, nn.Sequential(nn.Linear(c, nc), nn.ReLU(), nn.Linear(nc, nc)))

    def forward(self, taps, ids):
        out = []
        for i, (tap, at) in enumerate(zip(taps, ids)):
            rows = tap.permute(0, 2, 3, 1).flatten(1, 2)[:, at, :].flatten(0, 1)
            rows = getattr(self, "mlp_%d" % i)(rows)
            out.append(rows / (rows + 1e-7).pow(2).sum(1, keepdim=True).sqrt())
        return out


def patchnce(q, k, t=0.07):
    """A loss per row, and how alike q and k are there."""
    s = q @ k.t()
    alike = s.diagonal()[:, None]
    others = s.masked_fill(torch.eye(len(s), dtype=torch.bool), -10.0)
    logits = torch.cat((alike, others), 1) / t
    return F.cross_entropy(logits, torch.zeros(len(s), dtype=torch.long), reduction="none"), alike.detach()[:, 0]


def contrast(head, keys, query, ids, share):
    """Mean over taps; share: what the adaptive weights keep of the constant 1 (asp_loss.py, lambda_linear)."""
    total = 0.0
    for k, q in zip(head(keys, ids), head(query, ids)):
        row, alike = patchnce(q, k.detach())
        if share < 1:
            w = share + (1 - share) * alike.relu()
            row = row * (w / w.sum() * len(w))
        total = total + row.mean() * 10
    return total / len(ids)


def gauss_pyramid(x):
    t = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    filt = (t[:, None] * t[None, :])[None, None].repeat(3, 1, 1, 1)
    levels = []
    for _ in range(5):
        x = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), filt, groups=3)
        levels.append(x)
        x = x[:, :, ::2, ::2]
    return levels + [x]


class Asp:
    """Networks, optimisers and the step of ASP, options of experiments/mist_launcher.py, in epoch 36 of 40."""

    SHARE = 0.5  # lambda: 1 until 30 of 40 epochs, then down; (1 - 35/40) / (1 - 30/40)
    WEIGHTS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)

    def __init__(self, state, pair, lean):
        own = {n: {k[2:]: v for k, v in state.items() if k.startswith(n + ".")} for n in "GDF"}
        widths = [own["F"]["mlp_%d.0.weight" % i].shape[1] for i in range(len(TAPS))]
        self.g = spectral(Generator(own["G"]["model.1.bias"].numel()))
        self.d = spectral(Discriminator(own["D"]["enc.0.bias"].numel()))
        self.f = Heads(widths, own["F"]["mlp_0.0.bias"].numel())
        for net, name in ((self.g, "G"), (self.d, "D"), (self.f, "F")):
            net.load_state_dict(own[name])
        adam = lambda net: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.adam_g, self.adam_d, self.adam_f = adam(self.g), adam(self.d), adam(self.f)
        self.a, self.b = (pair[n].permute(0, 3, 1, 2).contiguous() for n in "AB")
        self.ids = [[pair["ids.%d.%d" % (call, i)] for i in range(len(TAPS))] for call in range(2)]
        self.keys = torch.no_grad if lean else torch.enable_grad

    def loss_d(self, fake):
        virt = self.d(fake.detach()).pow(2).mean()
        real = (self.d(self.b) - 1).pow(2).mean()
        self.loss = {"D_real": real, "D_fake": virt}
        return (virt + real) * 0.5

    def loss_g(self, fake):
        with self.keys():
            he = self.g.encode(self.a)
        virt = self.g.encode(fake)
        with self.keys():
            ihc = self.g.encode(self.b)
        part = {
            "NCE": contrast(self.f, he, virt, self.ids[0], 1),
            "ASP": contrast(self.f, ihc, virt, self.ids[1], self.SHARE),
            "G_GAN": (self.d(fake) - 1).pow(2).mean(),
            "GP": 10 / 6 * sum(w * (x - y).abs().mean() for w, x, y in
                               zip(self.WEIGHTS, gauss_pyramid(fake), gauss_pyramid(self.b))),
        }
        part["G"] = sum(part.values())
        self.loss.update(part)
        return part["G"]

    def step(self):
        fake = self.g(self.a)
        self.d.requires_grad_(True)
        self.adam_d.zero_grad()
        self.loss_d(fake).backward()
        self.adam_d.step()
        self.d.requires_grad_(False)
        self.adam_g.zero_grad()
        self.adam_f.zero_grad()
        self.loss_g(fake).backward()
        self.adam_g.step()
        self.adam_f.step()
        return {k: v.item() for k, v in self.loss.items()}


def report(times):
    print("%.1f %.1f %d" % (statistics.median(times), min(times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def train(where, threads, steps, out, lean=""):
    torch.set_num_threads(int(threads))
    asp = Asp(torch.load(where + "/nets.pth"), torch.load(where + "/pair.pth"), lean == "lean")
    times = []
    with open(out, "w") as f:
        for i in range(int(steps) + 1):
            t = time.perf_counter()
            losses = asp.step()
            t = time.perf_counter() - t
            f.writelines("%d %s %.9g\n" % (i + 1, k, v) for k, v in losses.items())
            if i:
                times.append(t * 1e3)
    report(times)



def run():
    what, weights, inp, size, threads, repeats, out = sys.argv[1:8]
    size, repeats = int(size), int(repeats)
    torch.set_num_threads(int(threads))
    net = Generator()
    net.load_state_dict(torch.load(weights, map_location="cpu"))
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


if sys.argv[1] == "step":
    train(*sys.argv[2:])
else:
    run()
