// <live-figure>: runs a function of course_lib, exported as an ONNX graph, in the reader's browser.
// The page holds a poster and, as JSON, what course_lib/live/bundle.py says of inputs, outputs and their start. From that
// everything is drawn at once; the runtime and the graph are fetched when the figure is touched or looked at for a while.
(() => {
  "use strict";
  const DWELL = 1200; // ms in view before a figure starts by itself
  const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  const say = (words) => words?.[language] ?? "";

  const el = (tag, props = {}, ...children) => {
    const { aria = {}, ...rest } = props;
    const node = Object.assign(document.createElement(tag), rest);
    for (const [name, value] of Object.entries(aria)) node.setAttribute(name, value);
    node.append(...children.filter((child) => child != null));
    return node;
  };

  // Numbers as course_lib.live.svg.number writes them.
  const number = (value, digits = 3, decimals = null) => {
    if (!Number.isFinite(value)) return "–";
    if (decimals != null) return value.toFixed(decimals).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
    const size = Math.abs(value), sign = value < 0 ? "−" : "";
    if (!size || (size < 1e6 && size >= 1e-4)) {
      return sign + size.toFixed(size ? Math.min(Math.max(digits - 1 - Math.floor(Math.log10(size)), 0), 6) : 0);
    }
    const [mantissa, exponent] = size.toExponential(digits - 1).split("e");
    return `${sign}${mantissa}×10${[...String(+exponent)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("")}`;
  };
  const withUnit = (text, unit) => text + (!unit || text === "–" ? "" : unit === "°" ? unit : ` ${unit}`);
  // How far a number has moved from its start, as a share of it.
  const moved = (value, start) => (value - start) / Math.max(Math.abs(start), 1e-12);
  const change = (value, start) => {
    const share = moved(value, start);
    if (Math.abs(start) < 1e-12 || !(Math.abs(share) > 0.005)) return "";
    return start > 0 && share >= 1 ? `×${number(share + 1, 2)}` : `${share > 0 ? "+" : "−"}${Math.abs(share * 100).toFixed(0)} %`;
  };

  // What several figures of a page share is fetched and made once; a failure is forgotten, so that a touch tries again.
  const made = new Map();
  const once = (key, make) => {
    if (!made.has(key)) made.set(key, make().catch((error) => { made.delete(key); throw error; }));
    return made.get(key);
  };
  const fetched = async (url) => {
    const response = await fetch(url).catch((error) => ({ status: error.message }));
    if (!response.ok) throw new Error(`${response.status}: ${url}`);
    return response;
  };
  const bytes = (url) => once(url, async () => new Uint8Array(await (await fetched(url)).arrayBuffer()));
  const runtime = (vendor) => once("runtime", async () => {
    const ort = await import(new URL("ort.wasm.min.mjs", vendor).href);
    ort.env.wasm.numThreads = 1; // more would need headers that static hosts do not send
    ort.env.wasm.wasmPaths = vendor.href;
    return ort;
  });
  // Shared with plotly-figure.js, so that a page with both kinds of figures loads Plotly once.
  const plotly = (vendor) => (window.sitePlotly ??= new Promise((done, failed) => {
    const src = new URL("plotly.min.js", vendor).href;
    const onerror = () => { window.sitePlotly = undefined; failed(new Error(src)); };
    document.head.append(el("script", { src, onload: () => done(window.Plotly), onerror }));
  }));
  let turn = Promise.resolve(); // sessions share one WebAssembly heap: one run at a time
  const inTurn = (work) => (turn = turn.then(work, work));

  let serial = 0;

  class LiveFigure extends HTMLElement {
    connectedCallback() {
      if (this.spec || this.prepare()) return;
      // Drawn as soon as the parser has read the description, before the page is painted: nothing jumps.
      const reading = new MutationObserver(() => this.prepare() && reading.disconnect());
      reading.observe(this, { childList: true, subtree: true, characterData: true });
    }

    prepare() {
      try {
        this.spec = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
      } catch { return false; } // not there yet, or only a part of it
      this.base = new URL(this.getAttribute("base") ?? "", document.baseURI);
      this.build();
      const local = location.protocol === "file:"; // browsers let no script read files there
      this.state("poster", local ? say(this.spec.words.needs_http) : "");
      if (local) this.querySelectorAll("input, button").forEach((control) => { control.disabled = true; });
      else this.arm();
      return true;
    }

    disconnectedCallback() {
      this.watcher?.disconnect();
      clearTimeout(this.timer);
    }

    state(name, words = "") {
      this.dataset.state = name;
      this.setAttribute("aria-busy", String(name === "loading"));
      this.status.textContent = words;
    }

    arm() {
      for (const touch of ["pointerdown", "focusin", "input"]) this.addEventListener(touch, () => this.start());
      this.watcher = new IntersectionObserver((entries) => {
        clearTimeout(this.timer);
        if (entries.at(-1).isIntersecting && !navigator.connection?.saveData) this.timer = setTimeout(() => this.start(), DWELL);
      }, { threshold: 0.25 });
      const watch = () => this.watcher.observe(this);
      document.readyState === "complete" ? watch() : addEventListener("load", watch, { once: true });
    }

    async start() {
      if (this.dataset.state !== "poster" && this.dataset.state !== "error") return;
      this.disconnectedCallback(); // no need to watch any more
      this.state("loading", say(this.spec.words.loading));
      try {
        const vendor = new URL("vendor/", this.base);
        [this.ort, this.plotly] = await Promise.all([
          runtime(vendor), this.spec.outputs.some((output) => output.kind === "curves") && plotly(vendor), this.openPictures()]);
        this.session = await this.openSession();
        await this.step();
        if (this.dirty) this.queue();
      } catch (error) { this.fail(error); }
    }

    fail(error) {
      console.error(error);
      this.state("error", `${say(this.spec.words.figure_failed)} (${error?.message ?? error})`);
    }

    file(name) { return new URL(`live/${name}`, this.base).href; }

    async openSession() {
      const graph = this.file(this.spec.graph);
      const weights = Promise.all((this.spec.weights ?? []).map(async (path) => ({ path, data: await bytes(this.file(path)) })));
      return once(`session ${graph}`, async () => {
        const model = await bytes(graph), externalData = await weights;
        return inTurn(() => this.ort.InferenceSession.create(model, { executionProviders: ["wasm"], externalData })); // one set of files is mounted at a time
      });
    }

    async openPictures() {
      const inputs = this.spec.inputs.filter((input) => input.kind === "image");
      this.pixels = Object.fromEntries(await Promise.all(
        inputs.map(async ({ name, files, shape }) => [name, await Promise.all(files.map((file) => this.picture(this.file(file), shape[1])))])));
    }

    picture(url, channels) {
      return once(`picture ${url}`, async () => {
        const blob = await (await fetched(url)).blob();
        const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
        const { width, height } = bitmap, n = width * height;
        const pen = el("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
        pen.drawImage(bitmap, 0, 0);
        const rgba = pen.getImageData(0, 0, width, height).data, data = new Float32Array(channels * n);
        for (let p = 0; p < n; p++) for (let c = 0; c < channels; c++) data[c * n + p] = rgba[4 * p + c] / 255;
        return { data, dims: [1, channels, height, width] };
      });
    }

    values() { return Object.fromEntries(this.spec.inputs.map(({ name }) => [name, this.controls[name]?.get() ?? 0])); }

    async run(values) {
      const feeds = {};
      for (const { name, kind } of this.spec.inputs) {
        if (!this.session.inputNames.includes(name)) continue; // the function may ignore an input
        const picture = kind === "image" && (this.pixels[name][values[name]] ?? this.controls[name].photo(values[name]));
        feeds[name] = picture ? new this.ort.Tensor("float32", picture.data, picture.dims)
          : new this.ort.Tensor("float32", [values[name]], []);
      }
      const results = await this.session.run(feeds);
      return Object.fromEntries(this.spec.outputs.map(({ name }) => [name, { data: results[name].data, dims: [...results[name].dims] }]));
    }

    // Outputs with all sliders at their start, for the picture that is chosen: what bars are compared with.
    async startFor(values) {
      const start = Object.fromEntries(this.spec.inputs.map(({ name, kind, value }) => [name, kind === "image" ? values[name] : value]));
      return (this.starts[JSON.stringify(start)] ??= await this.run(start));
    }

    step() {
      return inTurn(async () => {
        this.dirty = false;
        const began = performance.now(), values = this.values();
        this.begin = await this.startFor(values);
        this.outputs = await this.run(values);
        await Promise.all(this.views.map((view) => view(this.outputs, this.begin)));
        const ms = performance.now() - began;
        this.state("ready");
        this.announce();
        this.dispatchEvent(new CustomEvent("live-figure:update", { bubbles: true, detail: { outputs: this.outputs, ms, values } }));
      });
    }

    // While a step runs, later movements of the sliders wait as one.
    queue() {
      this.dirty = true;
      if (!this.session || this.busy) return;
      this.busy = (async () => { while (this.dirty) await this.step(); })().catch((error) => this.fail(error))
        .finally(() => { this.busy = null; });
    }

    announce() {
      clearTimeout(this.speaking);
      this.speaking = setTimeout(() => {
        const parts = this.spec.outputs.flatMap((output) => !["bars", "readout"].includes(output.kind) ? []
          : output.missing && this.outputs[output.name].data.some(Number.isNaN) ? say(output.missing) : output.labels.map((label, k) => `${say(label)} ${withUnit(number(this.outputs[output.name].data[k], output.digits, output.decimals), say(output.units[k]))}`));
        this.live.textContent = parts.join(language === "zh" ? "，" : ", ");
      }, 700);
    }

    build() {
      const { spec } = this, id = `live-figure-${++serial}`;
      this.setAttribute("role", "group");
      this.setAttribute("aria-label", say(spec.title));
      this.setAttribute("aria-describedby", id);
      const seen = el("div", { className: "lf-seen" }), told = el("div", { className: "lf-told" });
      this.places = {};
      const place = ({ kind }) => (["picture", "wire"].includes(kind) ? seen : told);
      this.views = spec.outputs.map((output) => this[`view_${output.kind}`](output, place(output)));
      const views = el("div", { className: "lf-views" }, ...[seen, told].filter((part) => part.childElementCount));
      views.classList.toggle("lf-aside", seen.childElementCount === 1 && told.childElementCount > 0);
      this.controls = {};
      const controls = el("div", { className: "lf-controls" }, ...spec.inputs.map((input) => this[`control_${input.kind}`](input)));
      const reset = () => { Object.values(this.controls).forEach((control) => control.reset()); this.queue(); };
      controls.append(el("button", { type: "button", className: "lf-reset", textContent: `↺ ${say(spec.words.reset)}`, onclick: reset }));
      this.status = el("p", { className: "lf-status", role: "status" });
      this.live = el("p", { className: "lf-hidden", aria: { "aria-live": "polite" } });
      this.append(el("p", { className: "lf-title", textContent: say(spec.title), aria: { "aria-hidden": "true" } }), views, controls,
        this.status, el("p", { className: "lf-hidden", id, textContent: say(spec.alt) }), this.live);
      const initial = Object.fromEntries(spec.outputs.map(({ name, initial }) =>
        [name, initial && { data: initial.flat(2).map((v) => v ?? NaN), dims: [initial.length, initial[0]?.length].filter(Boolean) }]));
      this.outputs = this.begin = initial;
      this.starts = { [JSON.stringify(Object.fromEntries(spec.inputs.map(({ name, value }) => [name, value])))]: initial };
      const redraw = () => this.views.forEach((view) => view(this.outputs, this.begin));
      redraw();
      new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      new ResizeObserver(redraw).observe(views);
    }

    control_slider(input) {
      const id = `live-input-${++serial}`, unit = say(input.unit);
      const slider = el("input", { type: "range", id, name: input.name, min: input.min, max: input.max, step: input.step });
      const readout = el("output", { htmlFor: id, aria: { "aria-live": "polite" } });
      slider.dataset.lmSuppressShortcuts = "true"; // JupyterLab takes the arrow keys otherwise
      const show = () => {
        const text = withUnit((+slider.value).toFixed(input.decimals).replace("-", "−"), unit);
        if (readout.textContent !== text) readout.textContent = text;
        slider.setAttribute("aria-valuetext", text);
        slider.style.setProperty("--fill", `${(slider.value - input.min) / (input.max - input.min) * 100}%`);
      };
      const reset = () => { slider.value = input.value; show(); };
      slider.oninput = () => { show(); this.queue(); };
      reset();
      this.controls[input.name] = { get: () => +slider.value, reset };
      return el("div", { className: "lf-control" }, el("label", { htmlFor: id, textContent: say(input.label) }), slider, readout);
    }

    control_image(input) {
      if (!input.own) return input.options.length > 1 ? this.control_choice(input) : null;
      const node = this.control_choice(input), options = node.querySelector(".lf-options");
      return window.livePhoto(this, input, { node, options, firstRadio: options.querySelector("input") }, { el, say });
    }

    control_choice(input) {
      const name = `live-input-${++serial}`;
      const radios = input.options.map((_, value) => el("input", { type: "radio", name, value, onchange: () => this.queue() }));
      radios.forEach((radio) => { radio.dataset.lmSuppressShortcuts = "true"; });
      const reset = () => { radios[input.value].checked = true; };
      reset();
      this.controls[input.name] = { get: () => radios.findIndex((radio) => radio.checked), reset };
      const options = radios.map((radio, k) => el("label", {}, radio, el("span", { textContent: say(input.options[k]) })));
      return el("fieldset", { className: "lf-control lf-choice", name: input.name, aria: { "data-kind": input.kind } },
        el("legend", { textContent: say(input.label) }), el("div", { className: "lf-options" }, ...options));
    }

    // Names of lines and curves with their colours.
    legend(entries) {
      return el("ul", { className: "lf-legend" }, ...entries.map(([label, colour]) => {
        const key = el("li", { textContent: say(label) });
        key.style.setProperty("--key", `var(--lf-${colour})`);
        return key;
      }));
    }

    put(place, output, ...children) {
      const missing = output.missing ? el("span", { className: "lf-missing" }) : null;
      const heading = output.label || missing ? el("p", { className: "lf-heading", textContent: say(output.label) }) : null;
      if (missing) heading.append(missing);
      place.append(el("div", { className: "lf-view" }, heading, ...children));
      return (data) => { if (missing) missing.textContent = data.some(Number.isNaN) ? say(output.missing) : ""; };
    }

    colour(name) { return getComputedStyle(this).getPropertyValue(`--lf-${name}`).trim(); }

    view_picture(output, place) {
      const [, , height, width] = output.shape;
      const canvas = el("canvas", { width, height, className: "lf-picture", aria: { role: "img", "aria-label": say(output.label) } });
      canvas.style.backgroundImage = `url("${this.file(output.still)}")`;
      const caption = this.spec.outputs.filter(({ kind }) => kind === "picture").length > 1
        ? el("p", { className: "lf-caption", textContent: say(output.label), aria: { "aria-hidden": "true" } }) : null;
      this.places[output.name] = place.appendChild(el("div", { className: "lf-view lf-stack" }, canvas, caption));
      const pen = canvas.getContext("2d"), image = new ImageData(width, height);
      return ({ [output.name]: result }) => {
        if (!result) return;
        const n = width * height, planes = result.dims[1] === 3 ? [0, n, 2 * n] : [0, 0, 0], rgba = image.data;
        for (let p = 0, q = 0; p < n; p++) {
          for (const plane of planes) rgba[q++] = result.data[plane + p] * 255;
          rgba[q++] = 255;
        }
        pen.putImageData(image, 0, 0);
      };
    }

    view_bars(output, place) {
      const rows = output.labels.map((label) => {
        const fill = el("i"), value = el("b"), trend = output.relative ? el("em") : null;
        const track = el("div", { className: "lf-track", aria: { "aria-hidden": "true" } }, fill);
        return { fill, value, trend, row: el("li", {}, el("span", { textContent: say(label) }), track, value, trend) };
      });
      const told = this.put(place, output, el("ul", { className: `lf-bars${output.relative ? " lf-relative" : ""}` }, ...rows.map(({ row }) => row)));
      return ({ [output.name]: { data } }, { [output.name]: start }) => told(data) ?? rows.forEach(({ fill, value, trend, row }, k) => {
        const share = moved(data[k], start.data[k]);
        const [low, high] = output.limits?.[k] ?? [-1, 1];
        const ends = output.relative ? [0, 0.5 * (1 + share)] : [-low / (high - low), (data[k] - low) / (high - low)];
        const [zero, end] = ends.map((part) => Math.min(Math.max(part || 0, 0), 1) * 100); // signed numbers grow from zero
        Object.assign(fill.style, { marginLeft: `${Math.min(end, zero)}%`, width: `${Math.abs(end - zero)}%` });
        value.textContent = withUnit(number(data[k], output.digits, output.decimals), say(output.units[k]));
        if (!trend) return;
        row.dataset.trend = share > 0.005 ? "up" : share < -0.005 ? "down" : "same";
        trend.textContent = { up: "▲ ", down: "▼ ", same: "" }[row.dataset.trend] + change(data[k], start.data[k]);
      });
    }

    view_readout(output, place) {
      const values = output.labels.map(() => el("dd"));
      const pairs = output.labels.map((label, k) => el("div", {}, el("dt", { textContent: say(label) }), values[k]));
      const told = this.put(place, output, el("dl", { className: "lf-readout" }, ...pairs));
      return ({ [output.name]: { data } }) => told(data) ?? values.forEach((value, k) => {
        value.textContent = withUnit(number(data[k], output.digits, output.decimals), say(output.units[k]));
      });
    }

    view_table(output, place) {
      const cells = output.rows.map(() => output.columns.map(() => el("td")));
      const head = el("tr", {}, el("td"), ...output.columns.map((name) => el("th", { scope: "col", textContent: say(name) })));
      const rows = output.rows.map((name, r) => el("tr", {}, el("th", { scope: "row", textContent: say(name) }), ...cells[r]));
      this.put(place, output, el("table", { className: "lf-table" }, el("thead", {}, head), el("tbody", {}, ...rows)));
      return ({ [output.name]: { data } }) => cells.flat().forEach((cell, k) => { cell.textContent = number(data[k], output.digits, output.decimals); });
    }

    view_curves(output, place) {
      const plot = el("div", { className: "lf-plot", innerHTML: output.drawing, aria: { role: "img" } });
      const names = output.labels.length > 1 ? this.legend(output.labels.map((label, k) => [label, output.colours[k]])) : null;
      this.put(place, output, names, plot);
      const length = output.x.length, line = ({ data }, k) => Array.from(data.slice(k * length, (k + 1) * length));
      return ({ [output.name]: result }, { [output.name]: start }) => {
        plot.setAttribute("aria-label", output.labels.map((label, k) => {
          const y = line(result, k);
          return `${say(label)}: ${number(y[0])} → ${number(y.at(-1))} (${number(Math.min(...y))} … ${number(Math.max(...y))})`;
        }).join("; "));
        if (!this.plotly) return null;
        if (!plot.classList.contains("lf-drawn")) plot.replaceChildren();
        plot.classList.add("lf-drawn");
        const traces = output.labels.flatMap((label, k) => {
          const look = { x: output.x, mode: "lines", name: say(label) }, color = this.colour(output.colours[k]);
          const fill = output.style === "area" ? { fill: "tozeroy", fillcolor: `${color}24` } : {};
          const dashed = { ...look, y: line(start, k), hoverinfo: "skip", opacity: 0.7, line: { color, width: 1, dash: "dash" } };
          return [...(output.start ? [dashed] : []), { ...look, ...fill, y: line(result, k), line: { color, width: 2 } }];
        });
        return this.plotly.react(plot, traces, this.layout(output, result), { responsive: true, displayModeBar: false });
      };
    }

    layout(output, { data }) {
      const [ink, soft, grid] = ["ink", "soft", "line"].map((name) => this.colour(name));
      const at = output.marker && this.controls[output.marker].get(), low = Math.min(...data), high = Math.max(...data);
      const axis = (text, more) => ({ gridcolor: grid, zeroline: false, fixedrange: true, tickfont: { color: soft }, automargin: false,
        title: { text: say(text), standoff: 8, font: { size: 13 } }, ...more });
      const fromZero = low >= 0 && low <= 0.6 * high ? "tozero" : "normal";
      return {
        height: 250, margin: { l: 58, r: 12, t: 8, b: 44 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
        font: { family: getComputedStyle(this).fontFamily, size: 13, color: ink }, hovermode: "x unified", dragmode: false,
        hoverlabel: { bgcolor: this.colour("paper"), bordercolor: grid, font: { color: ink } },
        showlegend: false,
        xaxis: axis(output.x_label, { showgrid: false, range: output.x_range }),
        yaxis: axis(output.y_label, { rangemode: fromZero, ...(output.y_range && { range: output.y_range }) }),
        shapes: output.marker ? [{ type: "line", x0: at, x1: at, yref: "paper", line: { color: ink, width: 1.5, dash: "dot" } }] : [],
      };
    }

    view_wire(output, place) {
      const [width, height] = output.size;
      const canvas = el("canvas", { className: "lf-wire", aria: { role: "img", "aria-label": say(output.label) } });
      canvas.style.aspectRatio = `${width} / ${height}`;
      const host = this.places[output.over] ?? place.appendChild(el("div", { className: "lf-view" }));
      const named = output.groups.filter((group) => group.label).map((group) => [group.label, group.colour]);
      host.append(canvas, ...(named.length ? [this.legend(named)] : []));
      return ({ [output.name]: { data, dims } }) => {
        const wide = canvas.clientWidth || width, scale = wide * (devicePixelRatio || 1) / width, pen = canvas.getContext("2d");
        Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
        const points = Array.from({ length: dims[0] }, (_, k) => data.slice(k * dims[1], (k + 1) * dims[1]));
        const depth = points.map((point) => point[2] ?? 0), far = Math.min(...depth), reach = Math.max(...depth) - far;
        const near = (k) => (reach > 1e-9 ? (depth[k] - far) / reach : 1);
        const lines = output.groups.flatMap((group) => group.edges.map(([a, b]) => ({ group, a, b, z: (near(a) + near(b)) / 2 })));
        pen.setTransform(scale, 0, 0, scale, 0, 0);
        pen.lineCap = "round";
        for (const { group, a, b, z } of lines.sort((one, two) => one.z - two.z)) {
          pen.globalAlpha = 0.3 + 0.7 * z;
          pen.strokeStyle = pen.fillStyle = this.colour(group.colour);
          pen.lineWidth = group.width;
          const [[x0, y0], [x1, y1]] = [points[a], points[b]], angle = Math.atan2(y1 - y0, x1 - x0), head = 4 + 2 * group.width;
          pen.stroke(new Path2D(`M${x0} ${y0}L${x1} ${y1}`));
          if (!group.arrow || Math.hypot(x1 - x0, y1 - y0) < 6) continue;
          const wings = [angle + 0.45, angle - 0.45].map((turned) => `L${x1 - head * Math.cos(turned)} ${y1 - head * Math.sin(turned)}`);
          pen.fill(new Path2D(`M${x1} ${y1}${wings.join("")}Z`));
        }
        pen.globalAlpha = 1;
        pen.fillStyle = this.colour("orange");
        const dot = new Path2D(), r = output.points;
        if (r) points.forEach(([x, y]) => { dot.moveTo(x + r, y); dot.arc(x, y, r, 0, 2 * Math.PI); });
        pen.fill(dot);
      };
    }
  }

  customElements.define("live-figure", LiveFigure);
})();
