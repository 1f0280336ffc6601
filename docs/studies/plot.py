#!/usr/bin/env python3
"""Draws the result of a study: NAME.svg from the JSON file of `ridgeline study NAME --output FILE`.

    ridgeline study latency --output latency.json
    docs/studies/plot.py latency.json
    docs/studies/plot.py results/*.json --output-dir docs/studies

The picture lies beside its file unless --output-dir says otherwise; an existing one is replaced. The same
file always gives the same picture. Needs matplotlib (Debian: python3-matplotlib).
"""
import argparse
import io
import json
import math
import os
import pathlib
import re
import statistics
import sys

try:
    import matplotlib
    import numpy
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
except ImportError as error:
    if __name__ != "__main__":
        raise
    print(f"plot.py: this Python has no {error.name} (Debian: python3-matplotlib)", file=sys.stderr)
    sys.exit(2)

FORMAT, VERSIONS = "ridgeline-study", (1, 2)

# Okabe and Ito's palette, which the colour-blind can distinguish.
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, BLACK, GREY = "#cc79a7", "#56b4e9", "#000000", "#666666"
SPACE_COLOURS = {"serial": ORANGE, "openmp": BLUE, "host": BLUE, "cuda": GREEN}
THREAD_COLOURS = (BLUE, RED, PURPLE, ORANGE, SKY, BLACK)
# One more than the colours: curves of the same colour have different markers.
THREAD_MARKERS = "osD^vPX"

STYLE = {
    "font.size": 9,
    # Verdana has the same width: the layout is right for readers without the first font.
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "white",
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "lines.markeredgewidth": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "ridgeline",
}
SMALL = 7.5         # points of a label inside a picture
TITLE_INCHES = 0.6  # of a picture's top
LEGEND_INCHES = 0.5
COLUMNS = 4         # of small pictures
HOLLOW = {"markerfacecolor": "white", "markeredgewidth": 1}
# A coordinate of an SVG with more than four decimals: hundredths of a point are invisible.
LONG_NUMBER = re.compile(r"(\d\.\d\d)\d{3,}")

TITLES = {
    "latency": "Latency of a dependent load against working set",
    "bandwidth": "Bandwidth of streaming kernels against working set",
    "concurrency": "Bandwidth of random loads against loads in flight",
    "dispatch": "Time of a kernel against its size, and what breaking it up costs",
    "divergence": "What different paths and irregular access cost",
    "crossover": "{second} against {first}: how many times as fast",
    "scaling": "Scaling with threads",
}


class PlotError(Exception):
    """An error of the request, in one line."""


# Numbers and names ---------------------------------------------------------------------------------


def value_of(estimate):
    """Returns the value of an estimate; NaN if there is none."""
    value = (estimate or {}).get("value")
    return math.nan if value is None else value


def shown_value(estimate, show):
    """Returns an estimate's value as text; its bound if the value was not reached."""
    value, estimate = value_of(estimate), estimate or {}
    if not math.isnan(value):
        return show(value)
    low, high = estimate.get("low"), estimate.get("high")
    if low is not None and high is not None:
        return f"{show(low)} to {show(high)}"
    return f"> {show(low)}" if low is not None else f"< {show(high)}" if high is not None else "?"


def distinct(values):
    """Returns every value once, in the order of first occurrence."""
    return list(dict.fromkeys(values))


def show(number):
    """Three digits: 0.123, 1.23, 12.3, 123, 1230."""
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:.{min(decimals, 6)}f}"


def show_trimmed(number):
    return f"{number:g}"


def show_whole(number):
    return f"{number:,.0f}"


def show_ratio(number):
    return f"{number:g}" if number >= 1 else f"1/{1 / number:g}"


def show_bytes(size):
    """Returns a size, without decimals if it is whole: 64 KiB, 1.5 MiB."""
    unit = 0
    while size >= 1024 and unit < 4:
        size /= 1024
        unit += 1
    digits = f"{size:.1f}".removesuffix(".0") if size < 100 else f"{size:.0f}"
    return f"{digits} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[unit]}"


def show_seconds(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{show(seconds / scale)} {unit}"
    return f"{show(seconds * 1e9)} ns"


def show_round_seconds(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.999 * scale:
            return f"{seconds / scale:g} {unit}"
    return f"{seconds * 1e9:g} ns"


def show_threads(count):
    return f"{count} thread" + ("" if count == 1 else "s")


# Parts of pictures ---------------------------------------------------------------------------------


def log_axis(axis, show_tick, base=10.0, subs=(1.0,), ticks=10):
    """Makes an axis logarithmic, with labels as `show_tick` writes them."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(base=base, subs=subs, numticks=ticks))
    axis.set_major_formatter(FuncFormatter(lambda number, _: show_tick(number)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def bytes_axis(axes, label, ticks=10):
    log_axis(axes.xaxis, show_bytes, base=4, ticks=ticks)
    axes.set_xlabel(label)


def write_at(axes, x, y, text, dx=0, dy=0, colour=BLACK, **placing):
    """Writes text `dx`, `dy` points from a point, on a white ground so that it is read over curves."""
    axes.annotate(text, (x, y), xytext=(dx, dy), textcoords="offset points", color=colour, fontsize=SMALL,
                  bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}, **placing)


def legend_beside(axes, handles):
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)


def sorted_arrays(pairs):
    """Returns two arrays, sorted by the first."""
    pairs = sorted(pairs)
    return numpy.array([x for x, _ in pairs], float), numpy.array([y for _, y in pairs], float)


def small_pictures(figure, groups):
    """Returns axes for each name of each group; each group begins a row."""
    rows_of = [-(-len(group) // COLUMNS) for group in groups]
    grid = figure.subplots(max(1, sum(rows_of)), COLUMNS, squeeze=False, sharey=True)
    for axes in grid.flat:
        axes.set_visible(False)
    placed, row = [], 0
    for group, rows in zip(groups, rows_of):
        placed.append([grid[row + i // COLUMNS, i % COLUMNS] for i in range(len(group))])
        for axes in placed[-1]:
            axes.set_visible(True)
        row += rows
    return placed


def rows_needed(groups):
    return max(1, sum(-(-len(group) // COLUMNS) for group in groups))


def title_of(study):
    title = TITLES[study["study"]].format_map(study["settings"])
    return title if study["complete"] else title + " (incomplete)"


def machine_line(study):
    """Returns the machine and the day in one line."""
    machine = study["machine"]
    parts = [machine["cpu_model"], show_threads(machine["threads"])]
    if machine.get("gpu_model"):
        parts.append(machine["gpu_model"])
    parts.append(study["created"][:10])
    return ", ".join(parts)


def new_figure(study, width, height, legend=()):
    """Creates a figure with its title. `legend` is below the title, for all of its axes."""
    figure = Figure(figsize=(width, height), facecolor="white")
    top = 1 - (TITLE_INCHES + (LEGEND_INCHES if legend else 0)) / height
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0, 1, top), h_pad=0.06, w_pad=0.06))
    figure.text(0.1 / width, 1 - 0.12 / height, title_of(study), fontsize=12, fontweight="bold", va="top")
    figure.text(0.1 / width, 1 - 0.37 / height, machine_line(study), color=GREY, va="top")
    if legend:
        figure.legend(handles=legend, loc="upper left", bbox_to_anchor=(0, 1 - TITLE_INCHES / height),
                      ncol=math.ceil(len(legend) / 2) if len(legend) > 5 else len(legend))
    return figure


# Latency -------------------------------------------------------------------------------------------


def draw_latency(study):
    figure = new_figure(study, 9, 5.4)
    axes = figure.subplots()
    for space in distinct(point["space"] for point in study["points"]):
        colour = SPACE_COLOURS[space]
        curves = {}
        for point in study["points"]:
            if point["space"] == space:
                curves.setdefault(point["pages"], {})[point["working_set_bytes"]] = point["seconds"]["min"]
        for pages, curve in curves.items():
            x, y = sorted_arrays(curve.items())
            axes.plot(x, 1e9 * y, color=colour, linestyle="-" if pages == "huge" else "--",
                      label=f"{space}, {pages} pages")
        small = [pages for pages in curves if pages != "huge"]
        if small and "huge" in curves:
            shared = sorted(set(curves[small[0]]) & set(curves["huge"]))
            below = 1e9 * numpy.array([curves["huge"][size] for size in shared])
            above = 1e9 * numpy.array([curves[small[0]][size] for size in shared])
            axes.fill_between(shared, below, numpy.maximum(above, below), color=colour, alpha=0.18,
                              linewidth=0, label=f"the TLB's part on {small[0]} pages")
        levels = (study["fit"].get(space) or {}).get("levels") or {}
        chosen = "huge" if "huge" in levels else next(iter(levels), None)
        draw_latency_levels(axes, levels.get(chosen) or [], max(curves[chosen]) if chosen else 0, colour,
                            below=len(curves) > 1)
    mark_caches(axes, study)
    bytes_axis(axes, "working set")
    log_axis(axes.yaxis, show_trimmed, subs=(1.0, 2.0, 5.0))
    axes.set_ylabel("ns per load")
    if study["points"]:
        # Room for the labels below the first level and above the last.
        seconds = [point["seconds"]["min"] for point in study["points"]]
        axes.set_ylim(0.6e9 * min(seconds), 1.6e9 * max(seconds))
        axes.legend(loc="upper left")
    return figure


def draw_latency_levels(axes, levels, largest, colour, below):
    """Draws levels as segments, with labels below them if another curve may be above."""
    for level in levels:
        capacity = value_of(level["capacity_bytes"])
        begin, end = level["from_bytes"], largest if math.isnan(capacity) else capacity
        seconds = value_of(level["seconds_per_load"])
        if math.isnan(seconds):
            continue  # the curve still rises there
        axes.plot([begin, end], [1e9 * seconds] * 2, color=colour, linewidth=5, alpha=0.4,
                  solid_capstyle="butt")
        size = "beyond" if math.isnan(capacity) else f"to {show_bytes(capacity)}"
        write_at(axes, math.sqrt(begin * end), 1e9 * seconds, f"{size}\n{show_seconds(seconds)}",
                 dy=-6 if below else 6, colour=colour, ha="center", va="top" if below else "bottom")


def mark_caches(axes, study):
    """Draws dotted lines at the capacities of the host's caches as reported by the system."""
    if not any(point["space"] == "host" for point in study["points"]):
        return
    for cache in study["machine"].get("caches") or []:
        axes.axvline(cache["bytes"], color=GREY, linewidth=0.8, linestyle=":")
        axes.annotate(f"L{cache['level']}", (cache["bytes"], 0), xytext=(3, 4), color=GREY, fontsize=SMALL,
                      xycoords=axes.get_xaxis_transform(), textcoords="offset points")
    axes.plot([], [], color=GREY, linewidth=0.8, linestyle=":", label="caches as the system states them")


# Bandwidth -----------------------------------------------------------------------------------------


def thread_look(study):
    """Returns colour and marker by (space, threads); a device has one, for any number of threads."""
    keys = distinct((point["space"], point["threads"] if point["space"] == "host" else 0)
                    for point in study["points"])
    hosts = [key for key in keys if key[0] == "host"]
    look = {key: (THREAD_COLOURS[i % len(THREAD_COLOURS)], THREAD_MARKERS[i % len(THREAD_MARKERS)])
            for i, key in enumerate(hosts)}
    look.update({key: (GREEN, "*") for key in keys if key[0] != "host"})
    return look


def name_of(space, threads):
    return f"{space}, {show_threads(threads)}" if space == "host" else space


def draw_bandwidth(study):
    figure = new_figure(study, 10.5, 4.8)
    look = thread_look(study)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, kernel in zip(panels, ("triad", "read")):
        curves = {}
        for point in study["points"]:
            if point["kernel"] == kernel:
                threads = point["threads"] if point["space"] == "host" else 0
                curves.setdefault((point["space"], threads, point["pages"]), []).append(
                    (point["working_set_bytes"], point["gbytes_per_second"]))
        for (space, threads, pages), points in curves.items():
            colour, marker = look[space, threads]
            huge = pages == "huge"
            axes.plot(*sorted_arrays(points), color=colour, marker=marker if huge else None,
                      linewidth=1.4 if huge else 1, linestyle="-" if huge else "--", markersize=3)
        bytes_axis(axes, "working set", ticks=7)
        axes.set_title(f"{kernel}, with its levels" if kernel == "triad" else kernel)
    draw_bandwidth_levels(panels[0], study, look)
    panels[0].margins(x=0.08)
    log_axis(panels[0].yaxis, show_trimmed, subs=(1.0, 2.0, 5.0))
    panels[0].set_ylabel("GB/s")
    handles = [Line2D([], [], color=colour, marker=marker, label=name_of(*key))
               for key, (colour, marker) in look.items()]
    for pages in distinct(point["pages"] for point in study["points"]):
        handles.append(Line2D([], [], color=GREY, label=f"{pages} pages",
                              linestyle="-" if pages == "huge" else "--"))
    legend_beside(panels[1], handles)
    return figure


def draw_bandwidth_levels(axes, study, look):
    """Draws the levels of the triad. Levels that are close together have one label."""
    entries = {}
    for entry in study["fit"].get("levels") or []:
        key = (entry["space"], entry["threads"] if entry["space"] == "host" else 0)
        if key in look and (key not in entries or entry["pages"] == "huge"):
            entries[key] = entry
    written = []
    for key, entry in entries.items():
        colour = look[key][0]
        largest = max(point["working_set_bytes"] for point in study["points"] if point["space"] == key[0])
        for level in entry["levels"]:
            capacity = value_of(level["capacity_bytes"])
            begin, end = level["from_bytes"], largest if math.isnan(capacity) else capacity
            rate = value_of(level["triad_gbytes_per_second"])
            if math.isnan(rate):
                continue  # the curve still falls there
            axes.plot([begin, end], [rate, rate], color=colour, linewidth=5, alpha=0.35,
                      solid_capstyle="butt")
            # A curve falls where a level ends: there is room above its end.
            if all(abs(math.log(rate / other)) > 0.12 for other in written):
                write_at(axes, end, rate, show(rate), dx=2, dy=1, colour=colour, va="bottom")
                written.append(rate)


# Concurrency ---------------------------------------------------------------------------------------


def draw_concurrency(study):
    figure = new_figure(study, 9, 5.4)
    axes = figure.subplots()
    look = thread_look(study)
    chains = [point for point in study["points"] if point["what"] == "chains"]
    for key, (colour, marker) in look.items():
        space, threads = key
        points = [point for point in chains
                  if point["space"] == space and threads in (0, point["threads"])]
        if not points:
            continue
        loads, rates = sorted_arrays((point["loads_in_flight"], point["gbytes_per_second"])
                                     for point in points)
        label = name_of(*key)
        for fit in study["fit"].get("saturation") or []:
            if fit["space"] == space and (space != "host" or fit["threads"] == threads):
                draw_saturation(axes, fit, points[0]["bytes_per_load"], loads, colour)
                label += (f": {shown_value(fit['loads_in_flight'], show)} loads,"
                          f" {shown_value(fit['bytes_per_second'], lambda b: show(1e-9 * b))} GB/s")
        axes.plot(loads, rates, color=colour, marker=marker, linestyle="none", label=label)
    draw_little(axes, study, chains, look)
    counts = [point["loads_in_flight"] for point in chains] or [1]
    is_host = max(counts) < 4096
    log_axis(axes.xaxis, show_whole, base=2 if is_host else 10, ticks=14)
    log_axis(axes.yaxis, show_trimmed, subs=(1.0, 2.0, 5.0))
    axes.set_xlabel("loads in flight, all threads together")
    axes.set_ylabel("GB/s")
    if look:
        axes.plot([], [], color=GREY, label="fitted B(n) of as many threads")
        axes.plot([], [], color=GREY, marker="D", markersize=7, linestyle="none", **HOLLOW,
                  label="loads that saturate")
        axes.plot([], [], color=GREY, linestyle=":", label="a read in order by as many threads")
        axes.plot([], [], color=GREY, linestyle="--", label="independent reads at random")
        axes.legend(loc="lower right")
    return figure


def draw_saturation(axes, fit, bytes_per_load, loads, colour):
    latency, most = value_of(fit["latency_seconds"]), value_of(fit["bytes_per_second"])
    q, knee = fit["sharpness"], value_of(fit["loads_in_flight"])
    if any(math.isnan(value) for value in (latency, most, knee)):
        return  # not reached: there is no curve to state
    n = numpy.geomspace(loads[0], max(loads[-1], knee), 100)
    axes.plot(n, 1e-9 * most / ((latency * most / (n * bytes_per_load)) ** q + 1) ** (1 / q), color=colour)
    axes.plot(knee, 1e-9 * most, color=colour, marker="D", markersize=7, **HOLLOW)


def draw_little(axes, study, chains, look):
    """Draws Little's law: n loads of one latency, up to the rates of independent reads."""
    fits = study["fit"].get("saturation") or []
    for space in distinct(fit["space"] for fit in fits):
        of_space = [fit for fit in fits if fit["space"] == space]
        bytes_per_load = next(point["bytes_per_load"] for point in chains if point["space"] == space)
        little = max((fit["little"] for fit in of_space), key=lambda each: each["streaming_bytes_per_second"])
        latency = little["latency_seconds"]
        n = numpy.array([min(point["loads_in_flight"] for point in chains
                             if point["space"] == space), little["streaming_loads_in_flight"]])
        axes.plot(n, 1e-9 * n * bytes_per_load / latency, color=GREY, linewidth=0.9, linestyle="-.",
                  label=f"Little's law on {space}: n · {bytes_per_load:g} B / {show_seconds(latency)}")
        written = 0
        for fit in sorted(of_space, key=lambda each: each["little"]["streaming_bytes_per_second"]):
            rate = 1e-9 * fit["little"]["streaming_bytes_per_second"]
            colour = look[space, fit["threads"] if space == "host" else 0][0]
            axes.axhline(rate, color=colour, linestyle=":")
            axes.axhline(1e-9 * fit["little"]["independent_bytes_per_second"], color=colour, linestyle="--",
                         linewidth=0.9)
            # Lines that are close together have one label.
            if rate > 1.15 * written:
                axes.text(0.005, rate, f"in order {show(rate)} GB/s", color=colour, fontsize=SMALL,
                          va="bottom", transform=axes.get_yaxis_transform())
                written = rate


# Dispatch ------------------------------------------------------------------------------------------


def draw_dispatch(study):
    kernels = [point for point in study["points"] if point["what"] == "kernel"]
    broken = [point for point in study["points"] if point["what"] == "broken up"]
    transfers = [point for point in study["points"] if "_to_" in point["what"]]
    panels = 3 if transfers else 2
    figure = new_figure(study, 4 + 3.2 * panels - 1, 4.8)
    axes = figure.subplots(1, panels, gridspec_kw={"width_ratios": [1.3] + [1] * (panels - 1)})
    for space in distinct(point["space"] for point in kernels):
        fit = (study["fit"].get(space) or {}).get("kernels back to back")
        draw_growth(axes[0], [point for point in kernels if point["space"] == space], fit, space)
    if kernels:
        axes[0].plot([], [], color=GREY, marker="D", markersize=7, linestyle="none", **HOLLOW,
                     label="half of the rate")
        axes[0].plot([], [], color=GREY, linewidth=0.9, linestyle=":", label="each kernel fenced")
    axes[0].set_title("One kernel of growing size, back to back")
    bytes_axis(axes[0], "bytes V that a kernel moves")
    for space in distinct(point["space"] for point in broken):
        draw_broken(axes[1], [point for point in broken if point["space"] == space], space)
    axes[1].set_title("One size, broken into k kernels")
    log_axis(axes[1].xaxis, show_trimmed, base=4)
    axes[1].set_xlabel("kernels k")
    if transfers:
        draw_transfers(axes[2], study, transfers)
    for each in axes:
        each.set_yscale("log")
        low, high = each.get_ylim()
        few = high < 200 * low
        # Room for the legend.
        each.set_ylim(low, high * (high / low) ** 0.25)
        log_axis(each.yaxis, show_round_seconds, subs=(1.0, 2.0, 5.0) if few else (1.0,))
        if each.get_legend_handles_labels()[1]:
            each.legend(loc="upper left")
    axes[0].set_ylabel("time")
    return figure


def cost(fit, sizes):
    """a + V / b."""
    return value_of(fit["a_seconds"]) + sizes / value_of(fit["b_bytes_per_second"])


def draw_growth(axes, points, fit, space):
    colour = SPACE_COLOURS[space]
    axes.plot(*sorted_arrays((point["bytes"], point["seconds"]["median"]) for point in points),
              color=colour, marker="o", markersize=3, linestyle="none", label=space)
    axes.plot(*sorted_arrays((point["bytes"], point["seconds_fenced"]["median"]) for point in points),
              color=colour, linewidth=0.9, linestyle=":")
    if not fit:
        return
    half, a = value_of(fit["half_rate_bytes"]), value_of(fit["a_seconds"])
    sizes = numpy.geomspace(points[0]["bytes"], fit["fitted_up_to_bytes"], 60)
    rate = 1e-9 * value_of(fit["b_bytes_per_second"])
    if any(math.isnan(value) for value in (half, a, rate)):
        return  # not reached: there is no curve to state
    axes.plot(sizes, cost(fit, sizes), color=colour,
              label=f"{show_seconds(a)} + V / {show(rate)} GB/s: half at {show_bytes(half)}")
    axes.plot(half, 2 * a, color=colour, marker="D", markersize=7, **HOLLOW)


def draw_broken(axes, points, space):
    colour = SPACE_COLOURS[space]
    whole = show_bytes(points[0]["bytes"])
    axes.plot(*sorted_arrays((point["kernels"], point["seconds"]["median"]) for point in points),
              color=colour, marker="o", linestyle="none", label=f"{space}, {whole}")
    axes.plot(*sorted_arrays((point["kernels"], point["predicted_seconds"]) for point in points),
              color=colour, label="k·a + V/b")


def draw_transfers(axes, study, transfers):
    for i, what in enumerate(distinct(point["what"] for point in transfers)):
        colour, points = THREAD_COLOURS[i], [point for point in transfers if point["what"] == what]
        sizes, seconds = sorted_arrays((point["bytes"], point["seconds"]["median"]) for point in points)
        axes.plot(sizes, seconds, color=colour, marker=THREAD_MARKERS[i], markersize=3, linestyle="none",
                  label=what.replace("_", " "))
        fit = (study["fit"].get(points[0]["space"]) or {}).get(what)
        if fit:
            axes.plot(sizes, cost(fit, sizes), color=colour, linewidth=0.9)
    axes.set_title("Transfers, with a + V/b")
    bytes_axis(axes, "bytes V transferred", ticks=6)


# Divergence ----------------------------------------------------------------------------------------

ARRANGEMENTS = {"sorted": ("o", "-"), "alternating": ("s", "--"), "random": ("^", ":")}
ACCESSES = ("regular", "gathered", "dependent")
NO_CHOICE = 0.5  # where a kernel without branches is drawn among the numbers of paths


def draw_divergence(study):
    figure = new_figure(study, 10.5, 4.8)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.5, 1]})
    spaces = distinct(point["space"] for point in study["points"])
    draw_paths(left, study["points"], spaces)
    draw_accesses(right, [point for point in study["points"] if point["what"] == "access"], spaces)
    return figure


def draw_paths(axes, points, spaces):
    paths = [point for point in points if point["what"] == "paths"]
    counts = sorted({point["paths"] for point in paths})
    lowest = 0.5
    for space in spaces:
        for i, (arrangement, (marker, line)) in enumerate(ARRANGEMENTS.items()):
            x, y = sorted_arrays((point["paths"], point["times_one_path"]) for point in paths
                                 if point["space"] == space and point["arrangement"] == arrangement)
            if not len(x):
                continue
            # Curves that coincide are drawn with an offset.
            aside = 1.025 ** (i - 1 + 3 * (spaces.index(space) - (len(spaces) - 1) / 2))
            axes.plot(x * aside, y, color=SPACE_COLOURS[space], marker=marker, linestyle=line, **HOLLOW,
                      label=f"{space}, {arrangement}")
            lowest = min(lowest, *y)
        straight = [point["seconds"]["median"] for point in points
                    if point["space"] == space and point["what"] == "no choice"]
        one_path = [point["seconds"]["median"] for point in paths
                    if point["space"] == space and point["paths"] == 1]
        if straight and one_path:
            ratio = straight[0] / statistics.median(one_path)
            aside = 1.06 ** (spaces.index(space) - (len(spaces) - 1) / 2)
            axes.plot(NO_CHOICE * aside, ratio, color=SPACE_COLOURS[space], marker="D", markersize=6)
            lowest = min(lowest, ratio)
    if counts:
        axes.plot(counts, counts, color=GREY, linewidth=0.9, linestyle="-.",
                  label="every path waits\nfor all others")
        axes.legend(loc="upper left")
    axes.axhline(1, color=GREY, linewidth=0.9)
    axes.set_title("The same FLOPs in several paths")
    axes.set_xscale("log")
    axes.set_xticks([NO_CHOICE] + counts, ["no\nchoice"] + [f"{count:g}" for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("different paths")
    log_axis(axes.yaxis, show_ratio, base=2)
    axes.set_ylim(0.8 * lowest, 1.3 * max([2] + counts))
    axes.set_ylabel("times one path's time")


def draw_accesses(axes, points, spaces):
    width = 0.8 / max(1, len(spaces))
    for point in points:
        i = spaces.index(point["space"])
        x = ACCESSES.index(point["access"]) + width * (i - (len(spaces) - 1) / 2)
        nanoseconds = 1e9 * point["seconds_per_read"]
        first = point["access"] == ACCESSES[0]
        axes.bar(x, nanoseconds, 0.92 * width, color=SPACE_COLOURS[point["space"]],
                 label=point["space"] if first else None)
        # Two digits: three would not fit above a bar.
        label = f"{nanoseconds:.0f}" if nanoseconds >= 10 else f"{nanoseconds:.2g}"
        write_at(axes, x, nanoseconds, label, dy=2, ha="center", va="bottom")
    log_axis(axes.yaxis, show_trimmed)
    axes.set_xticks(range(len(ACCESSES)), ACCESSES)
    axes.grid(False, axis="x")
    axes.margins(y=0.12)
    axes.set_ylabel("ns a read, all threads together")
    sizes = distinct(show_bytes(point["array_bytes"]) for point in points)
    axes.set_title(f"Reads of an array of {', '.join(sizes)}" if sizes else "Reads")
    if points:
        axes.legend(loc="upper left")


# Crossover -----------------------------------------------------------------------------------------

WAYS = {"eager": (BLUE, "launch by launch"), "with_transfers": (RED, "with transfers"),
        "graph": (GREEN, "as a graph")}
# The passes of a layer and of a deck.
PASSES = {"forward": "-", "forward and backward": "--", "inference": "-", "training step": "--"}
GROWTHS = {"width": "o", "batch": "s"}


def draw_crossover(study):
    points = study["points"]
    decks = distinct(point["what"] for point in points if point["pass"] in ("inference", "training step"))
    layers = [what for what in distinct(point["what"] for point in points) if what not in decks]
    groups = [layers, decks]
    figure = new_figure(study, 10.5, 1.5 + 1.75 * rows_needed(groups), crossover_legend(points))
    of_layers, of_decks = small_pictures(figure, groups)
    for axes, what in zip(of_layers + of_decks, layers + decks):
        of_what = [point for point in points if point["what"] == what]
        draw_ratios(axes, of_what, "batch" if what in decks else "working_set_bytes")
        axes.set_title(f"{what}\n{crossover_note(study, what, of_what[0]['pass'])}", fontsize=8)
    for group, label in ((of_layers, "bytes touched"), (of_decks, "batch")):
        for i, axes in enumerate(group):
            if label == "batch":
                log_axis(axes.xaxis, show_trimmed, base=4, ticks=6)
            else:
                bytes_axis(axes, "", ticks=5)
            log_axis(axes.yaxis, show_ratio, base=2, ticks=8)
            axes.grid(False, axis="x")
            axes.tick_params(labelsize=SMALL, left=False, bottom=False)
            axes.set_xlabel(label if i + COLUMNS >= len(group) else "", fontsize=8)
        share_limits(group)
    settings = study["settings"]
    first, second = settings["first"], settings.get("second_model") or settings["second"]
    if settings.get("second_is_measured") is False:
        second += " (at best, not measured)"
    figure.supylabel(f"time on {first} / on {second}", fontsize=9)
    return figure


def draw_ratios(axes, points, size):
    axes.axhline(1, color=BLACK, linewidth=0.9)
    passes = distinct(point["pass"] for point in points)
    for way, (colour, _) in WAYS.items():
        # A layer's twelve curves could not be distinguished: the other ways are drawn for its first pass
        # only.
        of_way = passes if way == "eager" or size == "batch" else passes[:1]
        for of_pass in of_way:
            for growth, marker in GROWTHS.items():
                x, y = sorted_arrays((point[size], point[way]["ratio"]) for point in points
                                     if point["pass"] == of_pass and point["grows"] == growth
                                     and way in point)
                marked = way == "eager" and of_pass == passes[0]
                if len(x):
                    axes.plot(x, y, color=colour, linestyle=PASSES[of_pass], linewidth=1, markersize=3,
                              marker=marker if marked else None)


def crossover_note(study, what, of_pass):
    """Draws the sizes from which on the second space is faster, for each kind of launch."""
    notes = []
    for each in study["fit"].get("crossovers") or []:
        if (each["what"], each["pass"], each["way"]) != (what, of_pass, "eager"):
            continue
        kind, grows = each["size"]["kind"], each["grows"]
        from_size = f"from {grows} {shown_value(each['size'], '{:g}'.format)}"
        notes.append({"always": f"at any {grows}", "never": f"at no {grows}"}.get(kind, from_size))
    return f"wins {', '.join(notes)}" if notes else ""


def share_limits(group):
    lows, highs = zip(*(axes.get_xlim() for axes in group)) if group else ((), ())
    for axes in group:
        axes.set_xlim(min(lows), max(highs))


def crossover_legend(points):
    handles = [Line2D([], [], color=colour, label=name) for way, (colour, name) in WAYS.items()
               if any(way in point for point in points)]
    handles += [Line2D([], [], color=GREY, linestyle=line, label=of_pass)
                for of_pass, line in PASSES.items() if any(point["pass"] == of_pass for point in points)]
    handles += [Line2D([], [], color=GREY, linestyle="none", marker=marker, label=f"growing {growth}")
                for growth, marker in GROWTHS.items() if any(point["grows"] == growth for point in points)]
    return handles


# Scaling -------------------------------------------------------------------------------------------


def draw_scaling(study):
    # A deck's own layers would be a hundred curves; the one that stops first is named.
    curves = [curve for curve in study["fit"].get("curves") or [] if not curve["layer"]]
    if len(study["settings"]["threads"]) > 2:
        return draw_speedups(study, curves)
    return draw_efficiencies(study, curves)


def seconds_by_threads(study, curve, scaling):
    """Returns lists of seconds, one per turn."""
    seconds = {}
    for point in study["points"]:
        if (point["what"], point["layer"], point["phase"], point["scaling"]) == (
                curve["what"], curve["layer"], curve["phase"], scaling):
            seconds.setdefault(point["threads"], []).append(point["seconds"])
    return seconds


def draw_efficiencies(study, curves):
    figure = new_figure(study, 9, TITLE_INCHES + 0.7 + 0.26 * max(4, len(curves)))
    axes = figure.subplots()
    first_to_stop = {each["deck"]: each for each in study["fit"].get("first_to_stop") or []}
    for place, curve in enumerate(curves):
        threads = curve["threads"]
        is_deck = curve["phase"] == "training step"
        axes.barh(place, 100 * curve["efficiency"], 0.7, color=ORANGE if is_deck else SKY)
        seconds = seconds_by_threads(study, curve, "strong")
        turns = [100 * one / all_ / threads for one, all_ in zip(seconds[1], seconds[threads])]
        axes.plot([min(turns), max(turns)], [place, place], color=BLACK, linewidth=0.8)
        if curve.get("weak_efficiency") is not None:
            axes.plot(100 * curve["weak_efficiency"], place, color=RED, marker="D", markersize=5, **HOLLOW)
        stop = first_to_stop.get(curve["what"]) if is_deck else None
        if stop:
            axes.plot(100 * stop["speedup"] / threads, place, color=BLACK, marker="|", markersize=10,
                      markeredgewidth=2)
            axes.text(1, place, f"{stop['layer']}, {stop['phase']}", fontsize=SMALL, va="center")
    axes.set_yticks(range(len(curves)), [curve["what"] for curve in curves])
    axes.set_ylim(max(1, len(curves)) - 0.4, -0.6)
    axes.axvline(100, color=BLACK, linewidth=0.9)
    axes.grid(False, axis="y")
    axes.set_xlim(left=0)
    threads = study["settings"]["threads"][-1]
    axes.set_xlabel(f"time on one thread / ({threads} × time on {threads}), %")
    legend_beside(axes, efficiency_legend(first_to_stop))
    return figure


def efficiency_legend(first_to_stop):
    handles = [Line2D([], [], color=SKY, linewidth=6, label="layer, forward and backward")]
    if first_to_stop:
        handles += [Line2D([], [], color=ORANGE, linewidth=6, label="deck, training step"),
                    Line2D([], [], color=BLACK, marker="|", markersize=10, markeredgewidth=2,
                           linestyle="none", label="its part that gains least")]
    handles += [Line2D([], [], color=BLACK, linewidth=0.8, label="from turn to turn"),
                Line2D([], [], color=RED, marker="D", linestyle="none", **HOLLOW,
                       label="weak: batch grows with threads")]
    return handles


def draw_speedups(study, curves):
    layers = [curve for curve in curves if curve["phase"] != "training step"]
    decks = [curve for curve in curves if curve["phase"] == "training step"]
    groups = [layers, decks]
    handles = [Line2D([], [], color=GREY, linestyle="-.", label="ideal"),
               Line2D([], [], color=BLUE, marker="o", linestyle="none", label="strong: one batch"),
               Line2D([], [], color=BLUE, label="Amdahl's law, serial fraction s"),
               Line2D([], [], color=RED, marker="D", linestyle="none", **HOLLOW,
                      label="weak: batch grows with threads")]
    figure = new_figure(study, 10.5, 1.5 + 1.75 * rows_needed(groups), handles)
    placed = small_pictures(figure, groups)
    counts = study["settings"]["threads"]
    for group, of_group in zip(placed, groups):
        for i, (axes, curve) in enumerate(zip(group, of_group)):
            draw_speedup(axes, study, curve, counts)
            axes.tick_params(labelsize=SMALL, left=False, bottom=False)
            axes.set_xlabel("threads" if i + COLUMNS >= len(group) else "", fontsize=8)
    figure.supylabel("times as fast as one thread", fontsize=9)
    return figure


def draw_speedup(axes, study, curve, counts):
    axes.plot(counts, counts, color=GREY, linewidth=0.9, linestyle="-.")
    strong, weak = ({threads: statistics.median(turns)
                     for threads, turns in seconds_by_threads(study, curve, scaling).items()}
                    for scaling in ("strong", "weak"))
    axes.plot(*sorted_arrays((threads, threads * weak[1] / seconds) for threads, seconds in weak.items()),
              color=RED, marker="D", markersize=6, linestyle="none", **HOLLOW)
    axes.plot(*sorted_arrays((threads, strong[1] / seconds) for threads, seconds in strong.items()),
              color=BLUE, marker="o", linestyle="none")
    serial = value_of(curve.get("serial_fraction"))
    title = curve["what"]
    if math.isfinite(serial):
        p = numpy.geomspace(1, counts[-1], 12)
        axes.plot(p, 1 / (serial + (1 - serial) / p), color=BLUE)
        title += f"\ns = {serial:.3f}"
    axes.set_title(title, fontsize=8)
    axes.set_xscale("log")
    axes.set_xticks(counts, counts)
    axes.xaxis.set_minor_locator(NullLocator())
    log_axis(axes.yaxis, show_trimmed, base=2)


# The command ---------------------------------------------------------------------------------------

DRAW = {"latency": draw_latency, "bandwidth": draw_bandwidth, "concurrency": draw_concurrency,
        "dispatch": draw_dispatch, "divergence": draw_divergence, "crossover": draw_crossover,
        "scaling": draw_scaling}


class Parser(argparse.ArgumentParser):
    def error(self, message):
        fail(f"{message}; see --help")


def fail(message):
    print(f"plot.py: {message}", file=sys.stderr)
    sys.exit(2)


def read(path):
    """Returns the study of a file, after a check of its kind."""
    try:
        study = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlotError(f"{path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise PlotError(f"{path}:{error.lineno}: not valid JSON; a {FORMAT} file is expected") from None
    except ValueError:
        raise PlotError(f"{path}: not text; a {FORMAT} file is expected") from None
    if not isinstance(study, dict) or "format" not in study:
        raise PlotError(f"{path}: has no \"format\"; a {FORMAT} file is expected")
    if study["format"] != FORMAT:
        raise PlotError(f"{path}: is a {study['format']} file; a {FORMAT} file is expected")
    if study.get("version") not in VERSIONS:
        raise PlotError(f"{path}: is of version {study.get('version')}; {VERSIONS[-1]} can be drawn")
    if study.get("study") not in DRAW:
        raise PlotError(f"{path}: is a study of {study.get('study')}; there are {', '.join(DRAW)}")
    return study


def draw(path, study):
    try:
        return DRAW[study["study"]](study)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise PlotError(f"{path}: does not hold what a study of {study['study']} writes "
                        f"({type(error).__name__}: {error})") from None


def save(figure, target, title):
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Title": title})
    # Half of matplotlib's output is indentation and decimals.
    short = re.sub("<[^>]+>", lambda tag: LONG_NUMBER.sub(r"\1", tag.group()),
                   re.sub(r"\n +", "\n", text.getvalue()))
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(short, encoding="utf-8")
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise PlotError(f"{target}: cannot be written: {error.strerror}") from None


def main(arguments=None):
    parser = Parser(prog="plot.py", description=__doc__,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE.json")
    parser.add_argument("--output-dir", type=pathlib.Path, metavar="DIR",
                        help="folder of the pictures, made if need be (default: that of each file)")
    options = parser.parse_args(arguments)
    matplotlib.rcParams.update(STYLE)
    try:
        targets = {}
        for path in options.files:
            study = read(path)
            target = (options.output_dir or path.parent) / f"{study['study']}.svg"
            if target in targets:
                raise PlotError(f"{path}: its picture would be {target}, as that of {targets[target][0]}")
            targets[target] = (path, study)
        for target, (path, study) in targets.items():
            save(draw(path, study), target, title_of(study))
            print(target)
    except PlotError as error:
        fail(error)


if __name__ == "__main__":
    main()
