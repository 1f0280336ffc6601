#!/usr/bin/env python3
"""Trains inputs/char_transformer.toml's or inputs/char_lstm.toml's network in PyTorch on the deck's own
data, with its batch, steps, optimizer, schedule and clipping, and prints the losses by epoch: what
`ridgeline train` is held against.

    peers/bin/python tests/peers/train_torch.py inputs/char_transformer.toml --threads 2
"""
import argparse
import math
import pathlib
import time
import tomllib

import networks
import torch
from torch.nn import functional


def windows_of(deck):
    """Non-overlapping windows of length + 1 tokens: of training, of validation; and the vocabulary's
    size. The last part of each file is validation."""
    data = deck["data"]
    paths = data["path"] if isinstance(data["path"], list) else [data["path"]]
    texts = [pathlib.Path(path).read_text(encoding="utf-8") for path in paths]
    vocabulary = sorted(set("".join(texts)))
    token_of = {character: token for token, character in enumerate(vocabulary)}
    length, splits = data["length"], ([], [])
    for text in texts:
        tokens = torch.tensor([token_of[character] for character in text])
        held_back = int(len(tokens) * data.get("validation", 0.1))
        for split, part in zip(splits, (tokens[:len(tokens) - held_back], tokens[len(tokens) - held_back:])):
            for begin in range(0, len(part) - length, length):
                split.append(part[begin:begin + length + 1])
    return torch.stack(splits[0]), torch.stack(splits[1]), len(vocabulary)


def loss_of(model, windows):
    logits = model(windows[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deck", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    deck = tomllib.loads(args.deck.read_text())
    train, validation, vocabulary = windows_of(deck)
    transformer = any(layer["kind"] == "position_embedding" for layer in deck["network"]["layer"])
    model = (networks.CharTransformer if transformer else networks.CharLstm)(vocabulary)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"torch {torch.__version__}, {parameters} parameters, {len(train)} training and "
          f"{len(validation)} validation windows, {vocabulary} characters", flush=True)

    options = deck["train"]
    batch, epochs = options["batch"], options["epochs"]
    settings = dict(options["optimizer"])
    kind = settings.pop("kind")
    rate = settings.pop("learning_rate")
    betas = (settings.pop("beta1", 0.9), settings.pop("beta2", 0.999))
    optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
        model.parameters(), lr=rate, betas=betas, eps=settings.pop("epsilon", 1e-8), **settings)
    warmup = options["schedule"].get("warmup_steps", 0)
    total = epochs * math.ceil(len(train) / batch)
    step = 0
    for epoch in range(1, epochs + 1):
        begin, sum_of_losses, samples = time.perf_counter(), 0.0, 0
        model.train()
        for indices in torch.randperm(len(train)).split(batch):
            done = (step - warmup) / max(1, total - warmup)
            now = rate * (step + 1) / warmup if step < warmup else \
                rate * 0.5 * (1 + math.cos(math.pi * done))
            for group in optimizer.param_groups:
                group["lr"] = now
            optimizer.zero_grad()
            loss = loss_of(model, train[indices])
            loss.backward()
            if "clip_norm" in options:
                torch.nn.utils.clip_grad_norm_(model.parameters(), options["clip_norm"])
            optimizer.step()
            sum_of_losses += loss.item() * len(indices)
            samples += len(indices)
            step += 1
        seconds = time.perf_counter() - begin
        model.eval()
        with torch.inference_mode():
            parts = [(loss_of(model, w).item(), len(w)) for w in validation.split(256)]
        test = sum(loss * count for loss, count in parts) / len(validation)
        print(f"epoch {epoch}  train loss {sum_of_losses / samples:.4f}  test loss {test:.4f}  "
              f"{seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
