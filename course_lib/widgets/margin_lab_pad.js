// Classes on the circle: weights and the feature are handles that a mouse, a finger or the arrow keys move.
// The handles move at once; boundaries, wedges and the push follow when Python has worked them out.

const COLOURS = ["#2463c9", "#c2570c", "#0a7d5c", "#8a3ea8", "#1d8fb8", "#c0303f", "#8a6d00", "#66707c"];
const radians = (degrees) => (degrees * Math.PI) / 180;
const point = (degrees, length = 1) => [length * Math.cos(radians(degrees)), -length * Math.sin(radians(degrees))];
const turned = (degrees) => ((degrees % 360) + 360) % 360;

function arc([from, to]) {
  if (to - from < 0.05) return "";
  const [[x1, y1], [x2, y2]] = [point(from), point(to)];
  return `M${x1} ${y1}A1 1 0 ${to - from > 180 ? 1 : 0} 0 ${x2} ${y2}`;
}

function render({ model, el }) {
  const text = model.get("text");
  const svg = element("svg", { viewBox: "-1.3 -1.3 2.6 2.6", role: "group", "aria-label": text.pad, class: "sf-pad" });
  const back = element("g");
  const front = element("g");
  const tip = element("marker", { id: `sf-tip-${model.model_id ?? Math.random()}`, orient: "auto", refX: 5, refY: 3,
    markerWidth: 4.5, markerHeight: 4.5, viewBox: "0 0 6 6" });
  tip.append(element("path", { d: "M0 0L6 3L0 6Z", fill: "#8a3ea8" }));
  svg.append(tip, back, front);
  el.append(svg);
  let handles = [];

  function line(x1, y1, x2, y2, colour, width, more = {}) {
    back.append(element("line", { x1, y1, x2, y2, stroke: colour, "stroke-width": width, ...more }));
  }

  function draw() {
    const { boundaries = [], wedges = [], push = [0, 0] } = model.get("drawing");
    const centres = model.get("centres");
    const [angle, length] = model.get("sample");
    back.replaceChildren(element("circle", { r: 1, fill: "none", stroke: "currentColor", "stroke-width": 0.006, opacity: 0.5 }));
    boundaries.flat().forEach((at) => line(0, 0, ...point(at), "currentColor", 0.006, { opacity: 0.6, class: "sf-boundary" }));
    wedges.forEach((ends, k) => back.append(element("path", { d: arc(ends), fill: "none", stroke: COLOURS[k],
      "stroke-width": 0.06, "stroke-linecap": "round", opacity: 0.8, class: "sf-wedge" })));
    centres.forEach((at, k) => line(0, 0, ...point(at), COLOURS[k], 0.02));
    const [x, y] = point(angle, length);
    line(0, 0, x, y, "currentColor", 0.012, { "stroke-dasharray": "0.03 0.03" });
    line(x, y, x + push[0], y - push[1], "#8a3ea8", 0.03, { "marker-end": `url(#${tip.id})`, class: "sf-push" });
    place();
  }

  function place() {
    const centres = model.get("centres");
    const [angle, length] = model.get("sample");
    if (handles.length !== centres.length + 1) build(centres.length);
    centres.forEach((at, k) => put(handles[k], point(at, 1.13), at, `${text.person} ${k + 1}`, `${Math.round(at)}°`));
    const label = `${text.feature} (${text.person} ${model.get("label") + 1})`;
    put(handles.at(-1), point(angle, length), angle, label, `${Math.round(angle)}°, ${length.toFixed(2)}`);
    handles.at(-1).querySelector("circle").setAttribute("fill", COLOURS[model.get("label")]);
  }

  function put(handle, [x, y], at, label, value) {
    handle.setAttribute("transform", `translate(${x} ${y})`);
    handle.setAttribute("aria-label", label);
    handle.setAttribute("aria-valuenow", Math.round(at));
    handle.setAttribute("aria-valuetext", value);
  }

  function build(classes) {
    handles = Array.from({ length: classes + 1 }, (_, k) => {
      const feature = k === classes;
      const handle = element("g", { tabindex: 0, role: "slider", "aria-valuemin": 0, "aria-valuemax": 359,
        class: feature ? "sf-handle sf-feature" : "sf-handle", "data-lm-suppress-shortcuts": "true" });
      handle.append(element("circle", { r: feature ? 0.075 : 0.11, fill: COLOURS[k], stroke: "currentColor", "stroke-width": 0.02 }));
      if (!feature) {
        const name = element("text", { "text-anchor": "middle", y: 0.045, "font-size": 0.13, fill: "#fff" });
        name.textContent = k + 1;
        handle.append(name);
      }
      draggable(handle, (event) => move(k, ...position(event)), (event) => key(event, k));
      return handle;
    });
    front.replaceChildren(...handles);
  }

  function position(event) {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width - 0.5) * 2.6;
    const y = (0.5 - (event.clientY - box.top) / box.height) * 2.6;
    return [turned((Math.atan2(y, x) * 180) / Math.PI), Math.hypot(x, y)];
  }

  function move(k, angle, length) {
    const centres = model.get("centres");
    const at = Math.round(turned(angle) * 10) / 10;
    if (k < centres.length) model.set("centres", centres.map((old, j) => (j === k ? at : old)));
    else model.set("sample", [at, Math.round(100 * Math.min(1, Math.max(0.15, length))) / 100]);
    model.save_changes();
  }

  function key(event, k) {
    const turn = { ArrowLeft: 1, ArrowRight: -1, PageUp: 10, PageDown: -10 }[event.key];
    const stretch = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key];
    const centres = model.get("centres");
    const feature = k === centres.length;
    const [angle, length] = feature ? model.get("sample") : [centres[k], 1];
    if (turn === undefined && (stretch === undefined || !feature)) return;
    move(k, angle + (turn ?? 0), length + (stretch ?? 0));
    event.preventDefault();
    event.stopPropagation();
  }

  for (const name of ["centres", "sample", "label", "drawing"]) model.on(`change:${name}`, draw);
  draw();
}

export default { render };
