"use strict";
(() => {
  const tip = document.getElementById("tip");
  const reach = 28; // pixels from the pointer to the nearest point

  // Returns the row's cells as "title: value", those of the picture's table.
  const describe = (drawing, row) => {
    const table = drawing.closest("figure").querySelector("table");
    const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    const cells = [...table.tBodies[0].rows[row].cells].map((cell) => cell.textContent);
    return cells.map((text, i) => [titles[i], text]).filter(([, text]) => text !== "");
  };

  const hide = (drawing) => {
    tip.style.display = "none";
    const ring = drawing.querySelector(".ring");
    if (ring) ring.style.display = "none";
  };

  const show = (drawing, event) => {
    const svg = drawing.querySelector("svg");
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    let nearest = null;
    let least = reach * reach;
    for (const point of drawing.points) {
      const distance = (point[0] * scale - x) ** 2 + (point[1] * scale - y) ** 2;
      if (distance < least) {
        least = distance;
        nearest = point;
      }
    }
    if (!nearest) return hide(drawing);
    tip.replaceChildren();
    for (const [title, text] of describe(drawing, nearest[2])) {
      const line = document.createElement("div");
      const value = document.createElement("b");
      value.textContent = text;
      line.append(`${title}: `, value);
      tip.append(line);
    }
    tip.style.display = "block";
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 18;
    const fits = below + tip.offsetHeight + 8 < innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${fits ? below : Math.max(8, event.clientY - tip.offsetHeight - 12)}px`;
    let ring = drawing.querySelector(".ring");
    if (!ring) {
      ring = document.createElement("div");
      ring.className = "ring";
      drawing.append(ring);
    }
    ring.style.display = "block";
    ring.style.left = `${nearest[0] * scale}px`;
    ring.style.top = `${nearest[1] * scale}px`;
  };

  for (const drawing of document.querySelectorAll(".drawing")) {
    drawing.points = (drawing.dataset.points || "").split(" ").filter(Boolean).map((text) => text.split(",").map(Number));
    for (const kind of ["pointermove", "pointerdown"]) drawing.addEventListener(kind, (event) => show(drawing, event));
    drawing.addEventListener("pointerleave", () => hide(drawing));
  }

  // A printed page has its tables open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
})();
