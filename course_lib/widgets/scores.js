// The score sheet: one row a measure, a bar for the current value, a tick for the clean image's, a box to draw its curve.
// Rows are built once; an update moves widths and texts, so that focus and reading position stay.

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function nameParts(root, alts) {
  // ipywidgets leaves slider handles without a name and pictures without alt text: screen readers need both
  for (const handle of root?.querySelectorAll(".widget-slider .noUi-handle") ?? []) {
    const label = handle.closest(".widget-slider").querySelector(".widget-label");
    if (label) handle.setAttribute("aria-label", label.textContent);
  }
  root?.querySelectorAll("img.sf-picture, .sf-picture img").forEach((image, index) => (image.alt = alts[index] ?? ""));
}

function render({ model, el }) {
  const text = model.get("text");
  const rows = {};

  function row(measure) {
    const box = element("input", "");
    box.type = "checkbox";
    box.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes the keys
    box.onchange = () => {
      const others = model.get("chosen").filter((name) => name !== measure.name);
      model.set("chosen", box.checked ? [...others, measure.name] : others);
      model.save_changes();
    };
    const label = element("label", "sf-name");
    label.append(box, element("span", "", measure.label));
    const arrow = element("span", "sf-direction", measure.arrow);
    arrow.title = measure.direction;
    arrow.setAttribute("role", "img");
    arrow.setAttribute("aria-label", measure.direction);
    const track = element("span", "sf-track");
    const fill = element("span", "sf-fill");
    const tick = element("span", "sf-tick");
    track.append(fill, tick);
    const value = element("span", "sf-value");
    const change = element("span", "sf-change");
    const head = document.createElement("th");
    head.scope = "row";
    head.append(label);
    const line = document.createElement("tr");
    line.title = measure.reference;
    line.append(head);
    for (const node of [arrow, track, value, change]) {
      const cell = document.createElement("td");
      cell.append(node);
      line.append(cell);
    }
    rows[measure.name] = { line, box, fill, tick, value, change };
    return line;
  }

  for (const family of model.get("families")) {
    const table = element("table", "sf-family");
    table.append(element("caption", "", family.label), document.createElement("tbody"));
    table.tBodies[0].append(...family.measures.map(row));
    el.append(table);
  }

  function update() {
    for (const [name, score] of Object.entries(model.get("values"))) {
      const { line, fill, tick, value, change } = rows[name];
      line.dataset.verdict = score.verdict;
      fill.style.width = `${100 * score.bar}%`;
      tick.style.left = `${100 * score.clean}%`;
      value.textContent = score.text;
      change.textContent = score.change;
      change.title = `${text.clean}: ${score.clean_text}`;
    }
  }

  function choose() {
    const chosen = model.get("chosen");
    for (const [name, { box }] of Object.entries(rows)) box.checked = chosen.includes(name);
  }

  model.on("change:values", update);
  model.on("change:chosen", choose);
  el.classList.add("sf-scores");
  update();
  choose();
  const name = () => nameParts(el.closest(".sf-lab"), model.get("alts"));
  model.on("change:alts", name);
  // the other parts of the lab appear about when this sheet does, some of them later
  const timers = [0, 300, 1000, 3000].map((wait) => setTimeout(name, wait));
  return () => timers.forEach(clearTimeout);
}

export default { render };
