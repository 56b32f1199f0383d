# SPDX-License-Identifier: MIT
"""The peer of bench/run.sh: a step of training by each method, in PyTorch.

usage: torch_step.py METHOD DIR THREADS STEPS LOSSES.txt [lean]

Takes what bench_train_step init left in DIR, trains STEPS steps after a first one, and writes a line STEP LOSS VALUE
for each loss of each step. It does as the published code does: the passes that make PatchNCE's keys leave a graph
behind, which is never used. With "lean" they run under no_grad, as restain's do. Of the paper's own model, for which
no code is public, it computes what restain's does. Prints one line:
    median_ms min_ms max_rss_kib
"""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from torch_peer import Down, Generator, TAPS, report


def spectral(net):
    for m in list(net.modules()):
        if isinstance(m, nn.Conv2d):
            nn.utils.spectral_norm(m)
    return net



class Gate(nn.Module):
    """Encoder features fe, weighed by what they and the decoder's fd show together (the paper's eqs. 1 to 3)."""

    def __init__(self, c, hidden):
        super().__init__()
        half = c // 2
        for name, ci, co in (("w_e", c, half), ("w_d", c, half), ("w_a", 2 * half, 1)):
            setattr(self, name, nn.Sequential())
            getattr(self, name).add_module("conv", nn.Conv2d(ci, co, 3, padding=1))
            getattr(self, name).add_module("bn", nn.BatchNorm2d(co))
        self.cbam = nn.Module()
        self.cbam.ChannelGate = nn.Module()
        self.cbam.ChannelGate.mlp = nn.Sequential(nn.Flatten(), nn.Linear(2 * half, hidden), nn.ReLU(),
                                                  nn.Linear(hidden, 2 * half))
        self.cbam.SpatialGate = nn.Module()
        self.cbam.SpatialGate.spatial = nn.Sequential()
        self.cbam.SpatialGate.spatial.add_module("conv", nn.Conv2d(2, 1, 7, padding=3, bias=False))
        self.cbam.SpatialGate.spatial.add_module("bn", nn.BatchNorm2d(1, momentum=0.01))

    def forward(self, fe, fd):
        f = torch.cat((self.w_e(fe), self.w_d(fd)), 1)
        mlp = self.cbam.ChannelGate.mlp
        f = f * (mlp(f.mean((2, 3))) + mlp(f.amax((2, 3)))).sigmoid()[:, :, None, None]
        both = torch.cat((f.max(1, keepdim=True)[0], f.mean(1, keepdim=True)), 1)
        f = f * self.cbam.SpatialGate.spatial(both).sigmoid()
        return self.w_a(f).sigmoid() * fe


class Ammfi(Generator):
    """The paper's: a first kernel of 3 x 3, and gates at half and at full size."""

    def __init__(self, ngf, hidden):
        super().__init__(ngf, stem=3, wide=(2, 2))
        self.ammfi0, self.ammfi1 = Gate(ngf, hidden[0]), Gate(2 * ngf, hidden[1])

    def forward(self, x):
        kept = {}
        for i, layer in enumerate(self.model):
            x = layer(x)
            if i in (3, 7):
                kept[i] = x
            if i == 21:
                x = torch.cat((x, self.ammfi1(kept[7], x)), 1)
            if i == 25:
                x = torch.cat((x, self.ammfi0(kept[3], x)), 1)
        return x


class Skip(nn.Module):
    """A level of the U-Net, with those below it."""

    def __init__(self, outer, inner, below=None, outermost=False):
        super().__init__()
        self.outermost = outermost
        down = nn.Conv2d(3 if outermost else outer, inner, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(inner * 2 if below else inner, 3 if outermost else outer, 4, 2, 1, bias=outermost)
        if outermost:
            layers = [down, below, nn.ReLU(True), up, nn.Tanh()]
        elif below:
            layers = [nn.LeakyReLU(0.2, True), down, nn.BatchNorm2d(inner), below, nn.ReLU(True), up,
                      nn.BatchNorm2d(outer)]
        else:
            layers = [nn.LeakyReLU(0.2, True), down, nn.ReLU(True), up, nn.BatchNorm2d(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat((x, self.model(x)), 1)


class Unet(nn.Module):
    """unet_256 without its dropout, whose masks would be others on the other side."""

    def __init__(self, ngf):
        super().__init__()
        level = Skip(ngf * 8, ngf * 8)
        for outer, inner in ((8, 8), (8, 8), (8, 8), (4, 8), (2, 4), (1, 2)):
            level = Skip(ngf * outer, ngf * inner, level)
        self.model = Skip(3, ngf, level, outermost=True)

    def forward(self, x):
        return self.model(x)


class Discriminator(nn.Module):
    def __init__(self, ndf, channels, blocks=5):
        super().__init__()
        m = [ndf * min(2**n, 8) for n in range(blocks + 1)]
        layers = [nn.Conv2d(channels, ndf, 4, padding=1), nn.LeakyReLU(0.2, True), Down(ndf)]
        for n in range(1, blocks + 1):
            layers += [nn.Conv2d(m[n - 1], m[n], 4, padding=1), nn.InstanceNorm2d(m[n]), nn.LeakyReLU(0.2, True)]
            if n < blocks:
                layers += [Down(m[n])]
        self.enc = nn.Sequential(*layers)
        self.final_conv = nn.Conv2d(m[blocks], 1, 4, padding=1)

    def forward(self, x):
        return self.final_conv(self.enc(x))


class Basic(nn.Module):
    """pix2pix's discriminator: three layers, batch norms, strides."""

    def __init__(self, ndf, channels):
        super().__init__()
        layers = [nn.Conv2d(channels, ndf, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        for n, stride in ((1, 2), (2, 2), (4, 1)):
            layers += [nn.Conv2d(ndf * n, ndf * n * 2, 4, stride, 1, bias=False), nn.BatchNorm2d(ndf * n * 2),
                       nn.LeakyReLU(0.2, True)]
        self.model = nn.Sequential(*layers, nn.Conv2d(ndf * 8, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


class Heads(nn.Module):
    """asp: rows get unit length as in ASP's code, the small number before the square; CUT's is after the root."""

    def __init__(self, widths, nc, asp):
        super().__init__()
        self.before, self.after = (1e-7, 0.0) if asp else (0.0, 1e-7)
        for i, c in enumerate(widths):
            setattr(self, "mlp_%d" % i, nn.Sequential(nn.Linear(c, nc), nn.ReLU(), nn.Linear(nc, nc)))

    def forward(self, taps, ids):
        out = []
        for i, (tap, at) in enumerate(zip(taps, ids)):
            rows = tap.permute(0, 2, 3, 1).flatten(1, 2)[:, at, :].flatten(0, 1)
            rows = getattr(self, "mlp_%d" % i)(rows)
            out.append(rows / ((rows + self.before).pow(2).sum(1, keepdim=True).sqrt() + self.after))
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



def lsgan(x, real):
    return (x - float(real)).pow(2).mean()


def vanilla(x, real):
    return F.binary_cross_entropy_with_logits(x, torch.full_like(x, float(real)))


def l1(x, y):
    return (x - y).abs().mean()


def octave(x):
    """BCI's: four Gaussian blurs, then every second pixel."""
    t = torch.exp(-torch.tensor([1.0, 0.0, 1.0]) / 2)
    t = t / t.sum()
    filt = (t[:, None] * t[None, :])[None, None].repeat(3, 1, 1, 1)
    for _ in range(4):
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), filt, groups=3)
    return x[:, :, ::2, ::2]


class Method:
    """Networks, optimisers and a step in which discriminators learn first. Options are those of the published code,
    or, where networks are the common profile's, of recipes/mist-her2; the epoch is 36 of 40."""

    generators_first = False

    def __init__(self, state, pair, keys):
        self.state, self.keys = state, keys
        self.a, self.b = (pair[n].permute(0, 3, 1, 2).contiguous() for n in "AB")
        self.ids = [[pair["ids.%d.%d" % (call, i)] for i in range(len(TAPS)) if "ids.0.0" in pair] for call in range(2)]
        self.loss, self.learners, self.judges = {}, [], []
        self.build()

    def own(self, name):
        return {k[len(name) + 1:]: v for k, v in self.state.items() if k.startswith(name + ".")}

    def add(self, name, net, role):
        net.load_state_dict(self.own(name))
        role.append((net, torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))))
        return net

    def generator(self, name="G"):
        return self.add(name, spectral(Generator(self.own(name)["model.1.bias"].numel())), self.learners)

    def discriminator(self, name="D"):
        first = self.own(name)["enc.0.weight_orig"]
        return self.add(name, spectral(Discriminator(first.shape[0], first.shape[1])), self.judges)

    def learn(self, who, loss):
        for _, adam in who:
            adam.zero_grad()
        loss().backward()
        for _, adam in who:
            adam.step()

    def learn_judges(self):
        for net, _ in self.judges:
            net.requires_grad_(True)
        self.learn(self.judges, self.loss_d)

    def step(self):
        self.forward()
        if not self.generators_first:
            self.learn_judges()
        for net, _ in self.judges:
            net.requires_grad_(False)
        self.learn(self.learners, self.loss_g)
        if self.generators_first:
            self.learn_judges()
        return {k: v.item() for k, v in self.loss.items()}

    def note(self, **part):
        self.loss.update(part)
        return sum(part.values())


class Contrastive(Method):
    """What CUT and ASP share. The tables' CUT has the pyramid's loss too."""

    WEIGHTS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)

    def build(self):
        self.g, self.d = self.generator(), self.discriminator()
        own = self.own("F")
        widths = [own["mlp_%d.0.weight" % i].shape[1] for i in range(len(TAPS))]
        self.f = self.add("F", Heads(widths, own["mlp_0.0.bias"].numel(), isinstance(self, Asp)), self.learners)

    def forward(self):
        self.fake = self.g(self.a)

    def loss_d(self):
        virt = lsgan(self.d(self.fake.detach()), False)
        return self.note(D_fake=virt, D_real=lsgan(self.d(self.b), True)) * 0.5

    def rest(self):
        levels = zip(self.WEIGHTS, gauss_pyramid(self.fake), gauss_pyramid(self.b))
        return {"G_GAN": lsgan(self.d(self.fake), True), "GP": 10 / 6 * sum(w * l1(x, y) for w, x, y in levels)}


class Cut(Contrastive):
    def loss_g(self):
        virt = self.g.encode(self.fake)
        with self.keys():
            he = self.g.encode(self.a)
        self.loss["G"] = self.note(NCE=contrast(self.f, he, virt, self.ids[0], 1), **self.rest())
        return self.loss["G"]


class Asp(Contrastive):
    SHARE = 0.5  # lambda: 1 until 30 of 40 epochs, then down; (1 - 35/40) / (1 - 30/40)

    def loss_g(self):
        with self.keys():
            he = self.g.encode(self.a)
        virt = self.g.encode(self.fake)
        with self.keys():
            ihc = self.g.encode(self.b)
        self.loss["G"] = self.note(NCE=contrast(self.f, he, virt, self.ids[0], 1),
                                   ASP=contrast(self.f, ihc, virt, self.ids[1], self.SHARE), **self.rest())
        return self.loss["G"]


class Paper(Asp):
    def generator(self, name="G"):
        own = self.own(name)
        hidden = [own["ammfi%d.cbam.ChannelGate.mlp.1.bias" % i].numel() for i in range(2)]
        net = Ammfi(own["model.1.bias"].numel(), hidden)
        spectral(net.model)
        return self.add(name, net, self.learners)


class PyramidPix2pix(Method):
    SCALES = (25, 25, 25, 25)

    def build(self):
        self.g, self.d = self.generator(), self.discriminator()

    def forward(self):
        self.fake = self.g(self.a)

    def judge(self, b, real):
        return vanilla(self.d(torch.cat((self.a, b), 1)), real)

    def loss_d(self):
        virt = self.judge(self.fake.detach(), False)
        return self.note(D_fake=virt, D_real=self.judge(self.b, True)) * 0.5

    def loss_g(self):
        part, x, y = {"G_GAN": self.judge(self.fake, True)}, self.fake, self.b
        for k, weight in enumerate(self.SCALES):
            if k:
                x, y = octave(x), octave(y)
            part["G_L%d" % (k + 1)] = weight * l1(x, y)
        self.loss["G"] = self.note(**part)
        return self.loss["G"]


class Pix2pix(PyramidPix2pix):
    SCALES = (100,)

    def generator(self, name="G"):
        return self.add(name, Unet(self.own(name)["model.model.0.weight"].shape[0]), self.learners)

    def discriminator(self, name="D"):
        first = self.own(name)["model.0.weight"]
        return self.add(name, Basic(first.shape[0], first.shape[1]), self.judges)


class CycleGan(Method):
    """Pools of 50 pictures, which these few steps do not fill, give back what they are given."""

    generators_first = True

    def build(self):
        self.g_a, self.g_b = self.generator("G_A"), self.generator("G_B")
        self.d_a, self.d_b = self.discriminator("D_A"), self.discriminator("D_B")

    def forward(self):
        self.fake_b = self.g_a(self.a)
        self.rec_a = self.g_b(self.fake_b)
        self.fake_a = self.g_b(self.b)
        self.rec_b = self.g_a(self.fake_a)

    def loss_g(self):
        self.loss["G"] = self.note(
            idt_A=5 * l1(self.g_a(self.b), self.b), idt_B=5 * l1(self.g_b(self.a), self.a),
            G_A=lsgan(self.d_a(self.fake_b), True), G_B=lsgan(self.d_b(self.fake_a), True),
            cycle_A=10 * l1(self.rec_a, self.a), cycle_B=10 * l1(self.rec_b, self.b))
        return self.loss["G"]

    def judge(self, d, real, fake):
        right = lsgan(d(real), True)
        return (right + lsgan(d(fake.detach()), False)) * 0.5

    def loss_d(self):
        return self.note(D_A=self.judge(self.d_a, self.b, self.fake_b), D_B=self.judge(self.d_b, self.a, self.fake_a))


METHODS = {"asp": Asp, "ammfi": Paper, "cut": Cut, "pix2pix": Pix2pix, "pyramid-pix2pix": PyramidPix2pix,
           "cyclegan": CycleGan}


def main(method, where, threads, steps, out, lean=""):
    torch.set_num_threads(int(threads))
    keys = torch.no_grad if lean == "lean" else torch.enable_grad
    m = METHODS[method](torch.load(where + "/nets.pth"), torch.load(where + "/pair.pth"), keys)
    times = []
    with open(out, "w") as f:
        for i in range(int(steps) + 1):
            t = time.perf_counter()
            losses = m.step()
            t = time.perf_counter() - t
            f.writelines("%d %s %.9g\n" % (i + 1, k, v) for k, v in losses.items())
            if i:
                times.append(t * 1e3)
    report(times)


if __name__ == "__main__":
    main(*sys.argv[1:])
