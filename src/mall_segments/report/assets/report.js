"use strict";

const numbers = new Intl.NumberFormat("en-US");
const brief = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
const shares = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const SVG = "http://www.w3.org/2000/svg";

// Below it a power of Yeo-Johnson is taken for its limit, a logarithm.
const LIMIT = 1e-12;

const clamp = (part) => Math.min(1, Math.max(0, part));

const dataOf = (part) =>
  JSON.parse(part.querySelector("script[type='application/json']").textContent);

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

function prepareFolds() {
  const folds = [...document.querySelectorAll("details.section")];
  const button = document.querySelector("[data-open]");
  button.hidden = false;
  button.addEventListener("click", () => {
    const isOpening = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = isOpening;
    button.textContent = isOpening ? "Close all" : "Open all";
  });
  const openTarget = () => {
    const target = folds.find((fold) => `#${fold.id}` === location.hash);
    if (target) target.open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();
}

// The coordinates of a customer: as scoring/assignment.py computes them.
function toCoordinates(data, values) {
  return data.coordinates.map((axis) => {
    const value = values[axis.feature];
    let at;
    if (axis.level !== null) {
      at = (value ?? "unknown") === axis.level ? 1 : 0;
    } else {
      const column = data.columns.find((each) => each.name === axis.feature);
      at = transform(axis, value ?? column.imputed);
    }
    return ((at - axis.center) / axis.scale) * axis.weight;
  });
}

function transform(axis, value) {
  if (axis.low !== null && axis.high !== null) {
    value = Math.min(Math.max(value, axis.low), axis.high);
  }
  if (axis.transform === "log") return Math.log(1 + Math.max(value, 0));
  if (axis.transform !== "yeo_johnson") return value;
  const power = value < 0 ? 2 - axis.power : axis.power;
  const size = 1 + Math.abs(value);
  const moved = Math.abs(power) < LIMIT ? Math.log(size) : (size ** power - 1) / power;
  return value < 0 ? -moved : moved;
}

function assign(data, values) {
  const place = toCoordinates(data, values);
  const found = data.segments.map((segment) => {
    const parts = place.map((at, axis) => (at - segment.coordinates[axis]) ** 2);
    return { segment, parts, squared: parts.reduce((sum, part) => sum + part, 0) };
  });
  // Sorting keeps the order of ids among equal distances.
  const [first, second] = [...found].sort((one, other) => one.squared - other.squared);
  const affinity = (each) =>
    each.segment.share *
    Math.exp(Math.max(-700, (first.squared - each.squared) * data.precision));
  const total = found.reduce((sum, each) => sum + affinity(each), 0);
  const reasons = new Map();
  if (second) {
    data.coordinates.forEach((axis, index) => {
      const part = second.parts[index] - first.parts[index];
      reasons.set(axis.feature, (reasons.get(axis.feature) ?? 0) + part);
    });
  }
  return {
    segment: first.segment,
    second: second?.segment ?? null,
    membership: first.segment.share / total,
    isOutlier: Math.sqrt(first.squared) > first.segment.outlier_distance,
    reasons: [...reasons].sort((one, other) => other[1] - one[1]),
  };
}

function typedValues(data, form) {
  const values = {};
  for (const column of data.columns) {
    const typed = form.elements[column.name].value;
    if (typed !== "") values[column.name] = column.type === "number" ? Number(typed) : typed;
  }
  return values;
}

const written = (value) =>
  typeof value === "number" ? brief.format(value) : value;

function sentences(data, values, found) {
  const said = [`${shares.format(100 * found.membership)} % sure.`];
  if (found.second) said[0] += ` Next nearest: ${found.second.label}.`;
  const why = found.reasons.filter(([, part]) => part > 0).slice(0, 3);
  for (const [name] of why) {
    const column = data.columns.find((each) => each.name === name);
    const isTyped = values[name] !== undefined;
    const own = isTyped
      ? `${column.title} ${written(values[name])}`
      : `${column.title}, taken as ${written(column.imputed) ?? "not known"},`;
    const [here, there] = [found.segment, found.second].map((segment) =>
      written(segment.centroid[name]),
    );
    said.push(
      here === there
        ? `${own} is commoner here.`
        : `${own} speaks for it: ${here} is typical here, ${there} there.`,
    );
  }
  if (found.isOutlier) {
    said.push("Unusual: farther from the centre than nearly all of the segment.");
  }
  const empty = data.columns.filter((column) => values[column.name] === undefined);
  if (empty.length) {
    said.push(`Not typed, so taken as average or not known: ${empty.map((column) => column.label).join(", ")}.`);
  }
  return said;
}

function prepareFinder(part) {
  const data = dataOf(part);
  const form = part.querySelector("form");
  const answer = part.querySelector(".answer");
  form.hidden = false;
  form.assign = (values) => assign(data, values);
  const write = (tag, text) =>
    answer.append(Object.assign(document.createElement(tag), { textContent: text }));
  const update = () => {
    const values = typedValues(data, form);
    answer.replaceChildren();
    if (!Object.keys(values).length) return;
    const wrong = form.querySelector("input:invalid");
    if (wrong) {
      write("p", `${wrong.parentElement.textContent}: ${wrong.validationMessage}`);
      return;
    }
    const found = assign(data, values);
    write("p", found.segment.label);
    answer.firstChild.className = "found";
    for (const sentence of sentences(data, values, found)) write("p", sentence);
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
}

// The value that `transform` leads to a place.
function untransform(axis, place) {
  if (axis.transform === "log") return Math.expm1(place);
  if (axis.transform !== "yeo_johnson") return place;
  const power = place < 0 ? 2 - axis.power : axis.power;
  const size = Math.abs(place);
  const moved = Math.abs(power) < LIMIT ? Math.exp(size) : (1 + size * power) ** (1 / power);
  return place < 0 ? 1 - moved : moved - 1;
}

function prepareMap(map) {
  const data = dataOf(map);
  const plot = map.querySelector(".plot");
  const marks = [...plot.querySelectorAll(".cells > *")];
  const form = map.querySelector("form");
  const brush = document.createElementNS(SVG, "rect");
  brush.setAttribute("class", "brush");
  form.hidden = false;

  function select() {
    const range = data.axes.flatMap((axis, number) =>
      ["from", "to"].map((side) => {
        const typed = form.elements[side + number].value;
        if (typed === "") return side === "to" ? Infinity : -Infinity;
        return (transform(axis, Number(typed)) - axis.from) / (axis.to - axis.from);
      }),
    );
    const [x0, x1, y0, y1] = range;
    const selected = new Map();
    data.cells.forEach(([x, y, counts], index) => {
      const slack = 1e-5;
      const isInside = x >= x0 - slack && x <= x1 + slack && y >= y0 - slack && y <= y1 + slack;
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
    brush.remove();
    if (range.every((limit) => !Number.isFinite(limit))) return;
    const [x0, x1, y0, y1] = range.map(clamp);
    const box = { x: x0, width: Math.max(0, x1 - x0), y: 1 - y1, height: Math.max(0, y1 - y0) };
    for (const [name, part] of Object.entries(box)) brush.setAttribute(name, `${100 * part}%`);
    plot.append(brush);
  }

  function placeOf(event) {
    const box = plot.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const down = (event.clientY - box.top) / box.height;
    return [clamp(across), clamp(1 - down)];
  }

  let start = null;
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = placeOf(event);
    plot.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  plot.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = placeOf(event);
    if (Math.abs(end[0] - start[0]) + Math.abs(end[1] - start[1]) < 0.01) return;
    data.axes.forEach((axis, number) => {
      const limits = [start[number], end[number]].sort((one, other) => one - other);
      limits.forEach((part, index) => {
        const value = untransform(axis, axis.from + part * (axis.to - axis.from));
        const field = form.elements[["from", "to"][index] + number];
        field.value = Number(value.toPrecision(4));
      });
    });
    select();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    plot.addEventListener(name, () => {
      start = null;
    });
  }
  form.addEventListener("input", select);
  // The fields are emptied after this event.
  form.addEventListener("reset", () => setTimeout(select));
  form.addEventListener("submit", (event) => event.preventDefault());
}

document.querySelectorAll("[data-map]").forEach(prepareMap);
document.querySelectorAll("[data-finder]").forEach(prepareFinder);
prepareFolds();
prepareSwitch();
