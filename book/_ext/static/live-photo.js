// A photograph of the reader's own in a live figure: chosen, dropped or pasted. It never leaves the browser.
(() => {
  "use strict";
  const MOST = 50e6; // pixels, as many as course_lib.images.load takes
  const CANVAS = 16e6; // pixels that a canvas has in every browser

  // Which pixels of a row make each pixel of the new row, and with what weights: Keys' cubic, a = −1/2, widened when
  // shrinking, as in course_lib.images.resize, so that a measure of sharpness is the same here and in a notebook.
  const cubic = (t, x = Math.abs(t)) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0);
  const taps = (from, to) => Array.from({ length: to }, (_, k) => {
    const scale = from / to, wide = Math.max(scale, 1), middle = scale * (k + 0.5);
    const first = Math.max(Math.floor(middle - 2 * wide + 0.5), 0), last = Math.min(Math.floor(middle + 2 * wide + 0.5), from);
    const weights = Array.from({ length: last - first }, (_, j) => cubic((j + first - middle + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: Float64Array.from(weights, (weight) => weight / sum) };
  });

  // RGBA pixels to red, green and blue planes of another size, in [0, 1].
  function resized(rgba, wide, high, width, height) {
    const across = taps(wide, width), down = taps(high, height), rows = new Float32Array(3 * high * width);
    for (let y = 0, q = 0; y < high; y++) for (const { first, weights } of across) {
      let r = 0, g = 0, b = 0, p = 4 * (y * wide + first);
      for (let j = 0; j < weights.length; j++, p += 4) { r += weights[j] * rgba[p]; g += weights[j] * rgba[p + 1]; b += weights[j] * rgba[p + 2]; }
      rows[q++] = r; rows[q++] = g; rows[q++] = b;
    }
    const n = width * height, planes = new Float32Array(3 * n);
    down.forEach(({ first, weights }, y) => {
      for (let c = 0; c < 3; c++) for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let j = 0; j < weights.length; j++) sum += weights[j] * rows[3 * ((first + j) * width + x) + c];
        planes[c * n + y * width + x] = Math.min(Math.max(sum / 255, 0), 1);
      }
    });
    return planes;
  }

  // The middle of a photograph as the tensor a figure takes; course_lib.live.photo.fitted says the same in Python.
  async function fitted(file, [, channels, height, width]) {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => { throw new Error("photo_unreadable"); });
    if (bitmap.width * bitmap.height > MOST) throw new Error("image_too_large");
    const scale = Math.min(bitmap.width / width, bitmap.height / height);
    const [wide, high] = [width, height].map((side) => Math.max(1, Math.floor(side * scale + 0.5)));
    const [left, top] = [bitmap.width - wide, bitmap.height - high].map((rest) => Math.floor(rest / 2));
    const shrink = wide * high > CANVAS ? 2 : 1;
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.floor(wide / shrink), height: Math.floor(high / shrink) });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.fillStyle = "#fff"; // behind what is transparent
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(bitmap, left, top, wide, high, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    const rgba = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    const planes = resized(rgba, canvas.width, canvas.height, width, height), n = width * height;
    const luma = (_, p) => 0.299 * planes[p] + 0.587 * planes[n + p] + 0.114 * planes[2 * n + p];
    return { data: channels === 3 ? planes : Float32Array.from({ length: n }, luma), dims: [1, channels, height, width] };
  }

  // Adds the button to the field with which a picture is chosen, and takes what is dropped on the figure or pasted.
  window.livePhoto = (figure, input, field, { el, say }) => {
    const words = figure.spec.words, control = figure.controls[input.name], photos = [], id = `${field.firstRadio.name}-photo`;
    const file = el("input", { type: "file", accept: "image/*", aria: { "aria-describedby": id } });
    const note = el("p", { id, className: "lf-note", role: "status", textContent: say(words.photo_in_browser) });
    const name = el("span"), radio = el("input", { type: "radio", name: field.firstRadio.name, onchange: () => figure.queue() });
    const own = el("label", {}, radio, name); // joins the others when there is a photograph
    let asked = 0;

    const tell = (text, problem) => {
      note.textContent = text;
      note.classList.toggle("lf-problem", problem);
    };
    const take = async (chosen) => {
      const turn = ++asked;
      tell(say(words.loading), false);
      try {
        const photo = await fitted(chosen, input.shape);
        if (turn !== asked) return; // another one was chosen meanwhile
        photos.push(photo);
        name.textContent = name.title = chosen.name;
        field.options.append(own);
        radio.checked = true;
        tell(say(words.photo_in_browser), false);
        figure.start();
        figure.queue();
      } catch (error) {
        if (turn === asked) tell(`${chosen.name}: ${say(words[error.message]) || error.message}`, true);
      }
    };
    file.onchange = () => {
      if (file.files[0]) take(file.files[0]);
      file.value = ""; // so that the same file can be chosen again
    };

    // A photograph has a number of its own, so that what was computed for another one is not taken for its start.
    const { get, reset } = control;
    control.get = () => (radio.checked ? input.options.length + photos.length - 1 : get());
    control.reset = () => { reset(); tell(say(words.photo_in_browser), false); };
    control.photo = (value) => photos[value - input.options.length];

    if (!figure.hasAttribute("tabindex")) {
      figure.tabIndex = -1; // a click on the picture makes it the place where to paste
      const carries = (event) => !file.disabled && [...(event.dataTransfer?.types ?? [])].includes("Files");
      const over = (is) => figure.classList.toggle("lf-drop", is);
      figure.addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); over(true); } });
      figure.addEventListener("dragleave", (event) => { if (!figure.contains(event.relatedTarget)) over(false); });
      figure.addEventListener("drop", (event) => {
        over(false);
        if (!carries(event)) return;
        event.preventDefault();
        if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
      });
      figure.addEventListener("paste", (event) => {
        const [pasted] = event.clipboardData?.files ?? [];
        if (pasted && !file.disabled) { event.preventDefault(); take(pasted); }
      });
    }
    field.node.append(el("label", { className: "lf-file" }, file, el("span", { textContent: say(words.your_photo) })), note);
    return field.node;
  };
})();
