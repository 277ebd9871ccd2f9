"use strict";

const numbers = new Intl.NumberFormat("en-US");
const shares = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

function showSegmentation(name) {
  for (const part of document.querySelectorAll("[data-segmentation]")) {
    part.hidden = part.dataset.segmentation !== name;
  }
}

function prepareSwitch() {
  const fieldset = document.querySelector("[data-switch]");
  if (!fieldset) return;
  fieldset.hidden = false;
  fieldset.addEventListener("change", (event) => showSegmentation(event.target.value));
  showSegmentation(fieldset.querySelector("input:checked").value);
}

// A position on the plot, from 0 to 1 to the right and upwards.
function positionIn(plot, event) {
  const box = plot.getBoundingClientRect();
  const within = (part) => Math.min(1, Math.max(0, part));
  return {
    x: within((event.clientX - box.left) / box.width),
    y: within(1 - (event.clientY - box.top) / box.height),
  };
}

function prepareMap(map) {
  const data = JSON.parse(map.querySelector("script").textContent);
  const plot = map.querySelector(".plot");
  const marks = [...plot.querySelectorAll(".cells > *")];
  const form = map.querySelector("form");
  const everything = [-Infinity, Infinity, -Infinity, Infinity];
  const axes = [data.x, data.y];
  const brush = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  brush.setAttribute("class", "brush");
  form.hidden = false;

  const valueAt = (axis, part) => axis[0] + part * (axis[1] - axis[0]);
  const partOf = (axis, value) =>
    Math.min(1, Math.max(0, (value - axis[0]) / (axis[1] - axis[0])));

  function select(range) {
    const [x0, x1, y0, y1] = range;
    const selected = new Map();
    data.cells.forEach(([x, y, counts], index) => {
      const isInside = x >= x0 && x <= x1 && y >= y0 && y <= y1;
      marks[index].classList.toggle("dim", !isInside);
      if (!isInside) return;
      for (const [segment, n] of counts) {
        selected.set(String(segment), (selected.get(String(segment)) ?? 0) + n);
      }
    });
    const total = [...selected.values()].reduce((sum, n) => sum + n, 0);
    map.querySelector("[data-live=total]").textContent = numbers.format(total);
    for (const row of map.querySelectorAll("[data-segment]")) {
      const n = selected.get(row.dataset.segment) ?? 0;
      row.querySelector("[data-live=selected]").textContent = numbers.format(n);
      row.querySelector("[data-live=share]").textContent =
        total > 0 ? `${shares.format((100 * n) / total)} %` : "–";
    }
    drawBrush(range);
  }

  function drawBrush(range) {
    if (range.every((limit) => !Number.isFinite(limit))) {
      brush.remove();
      return;
    }
    const [left, right] = [partOf(data.x, range[0]), partOf(data.x, range[1])];
    const [bottom, top] = [partOf(data.y, range[2]), partOf(data.y, range[3])];
    brush.setAttribute("x", `${100 * left}%`);
    brush.setAttribute("width", `${100 * Math.max(0, right - left)}%`);
    brush.setAttribute("y", `${100 * (1 - top)}%`);
    brush.setAttribute("height", `${100 * Math.max(0, top - bottom)}%`);
    plot.append(brush);
  }

  function typedRange() {
    return everything.map((limit, index) => {
      const typed = form.elements[["x0", "x1", "y0", "y1"][index]].value;
      return typed === "" ? limit : Number(typed);
    });
  }

  function type(range) {
    range.forEach((limit, index) => {
      const step = data.step[index < 2 ? 0 : 1];
      const rounded = Math.round(limit / step) * step;
      form.elements[["x0", "x1", "y0", "y1"][index]].value = Number(rounded.toFixed(6));
    });
  }

  let start = null;
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = positionIn(plot, event);
    plot.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  plot.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = positionIn(plot, event);
    if (Math.abs(end.x - start.x) + Math.abs(end.y - start.y) < 0.01) return;
    type([
      valueAt(axes[0], Math.min(start.x, end.x)),
      valueAt(axes[0], Math.max(start.x, end.x)),
      valueAt(axes[1], Math.min(start.y, end.y)),
      valueAt(axes[1], Math.max(start.y, end.y)),
    ]);
    select(typedRange());
  });
  for (const name of ["pointerup", "pointercancel"]) {
    plot.addEventListener(name, () => {
      start = null;
    });
  }
  form.addEventListener("input", () => select(typedRange()));
  form.addEventListener("reset", () => select(everything));
  form.addEventListener("submit", (event) => event.preventDefault());
  prepareTip(plot, marks, data);
}

function prepareTip(plot, marks, data) {
  const tip = document.querySelector("[data-tip]");
  plot.addEventListener("pointermove", (event) => {
    const index = marks.indexOf(event.target);
    tip.hidden = index < 0;
    if (index < 0) return;
    const [x, y, counts] = data.cells[index];
    const parts = counts.map(([segment, n]) => `${data.labels[segment]}: ${numbers.format(n)}`);
    tip.textContent = `${data.xLabel} ${numbers.format(x)}, ${data.yLabel} ${numbers.format(y)} — ${parts.join(", ")}`;
    tip.style.left = `${Math.min(event.pageX + 12, document.documentElement.clientWidth - 270)}px`;
    tip.style.top = `${event.pageY + 14}px`;
  });
  plot.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
}

prepareSwitch();
document.querySelectorAll("[data-map]").forEach(prepareMap);
