// A plane with points that a mouse, a finger or the arrow keys move. A point moves at once; what Python draws around it follows.

const HALF = 1.35;

function render({ model, el }) {
  const svg = element("svg", { viewBox: `${-HALF} ${-HALF} ${2 * HALF} ${2 * HALF}`, role: "group", class: "sf-plane",
    "aria-label": model.get("title") });
  const back = element("g", { class: "sf-drawing" });
  const front = element("g");
  const tip = element("marker", { id: `sf-arrow-${Math.random().toString(36).slice(2)}`, orient: "auto", refX: 4, refY: 3,
    markerWidth: 4, markerHeight: 4, viewBox: "0 0 6 6" });
  tip.append(element("path", { d: "M0 0L6 3L0 6Z", fill: "context-stroke" }));
  svg.append(tip, back, front);
  el.append(svg);
  let handles = [];

  function draw() {
    back.replaceChildren(...model.get("shapes").map(({ kind, at, to, size, name }) => {
      if (kind === "disc") return element("circle", { cx: at[0], cy: -at[1], r: size, class: name });
      if (kind === "region") return element("rect", { x: -HALF, y: -HALF, width: 2 * HALF, height: 2 * HALF, class: name });
      const line = element("line", { x1: at[0], y1: -at[1], x2: to[0], y2: -to[1], class: name, "stroke-width": size });
      if (kind === "arrow") line.setAttribute("marker-end", `url(#${tip.id})`);
      return line;
    }));
    place();
  }

  function place() {
    const points = model.get("points");
    if (handles.length !== points.length) build(points.length);
    points.forEach(([x, y], k) => {
      handles[k].setAttribute("transform", `translate(${x} ${-y})`);
      handles[k].setAttribute("aria-label", `${model.get("names")[k]}: ${x.toFixed(2)}, ${y.toFixed(2)}`);
    });
  }

  function build(count) {
    handles = Array.from({ length: count }, (_, k) => {
      const handle = element("g", { tabindex: 0, role: "button", class: `sf-dot sf-dot-${model.get("groups")[k]}`,
        "data-lm-suppress-shortcuts": "true" });
      const letter = element("text", { "text-anchor": "middle", y: 0.04, "font-size": 0.11 });
      letter.textContent = model.get("letters")[k];
      handle.append(element("circle", { r: 0.085 }), letter);
      draggable(handle, (event) => move(k, ...position(event)), (event) => key(event, k));
      handle.addEventListener("focus", () => choose(k));
      return handle;
    });
    front.replaceChildren(...handles);
  }

  function position(event) {
    const box = svg.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width - 0.5) * 2 * HALF, (0.5 - (event.clientY - box.top) / box.height) * 2 * HALF];
  }

  function choose(k) {
    if (model.get("chosen") === k) return;
    model.set("chosen", k);
    model.save_changes();
  }

  function move(k, x, y) {
    const kept = [x, y].map((value) => Math.round(100 * Math.min(1.25, Math.max(-1.25, value))) / 100);
    model.set("points", model.get("points").map((old, j) => (j === k ? kept : old)));
    model.save_changes();
  }

  function key(event, k) {
    const step = event.shiftKey ? 0.2 : 0.05;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (!by) return;
    const [x, y] = model.get("points")[k];
    move(k, x + by[0], y + by[1]);
    event.preventDefault();
    event.stopPropagation();
  }

  model.on("change:shapes", draw);
  model.on("change:points", place);
  draw();
}

export default { render };
