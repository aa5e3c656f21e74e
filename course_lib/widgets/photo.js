// A photograph from a file or from the camera: sends {name} and the file's bytes to the kernel, or says why it can't.

const LARGEST_MESSAGE = 8e6; // bytes; Jupyter's server hangs up on messages above 10 MiB
const LONGEST_SIDE = 1600; // pixels that a larger file is scaled to

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function button(text, onclick) {
  const node = element("button", { type: "button", className: "sf-button", textContent: text, onclick });
  node.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes the keys
  return node;
}

function pngOf(source, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = element("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function cameraProblem(error, text) {
  if (["NotAllowedError", "SecurityError", "PermissionDeniedError"].includes(error.name)) return text.denied;
  if (["NotFoundError", "DevicesNotFoundError", "OverconstrainedError"].includes(error.name)) return text.missing;
  if (["NotReadableError", "TrackStartError", "AbortError"].includes(error.name)) return text.busy;
  return `${text.failed} (${error.name}: ${error.message})`;
}

function render({ model, el }) {
  const text = model.get("text");
  const file = element("input", { type: "file", accept: "image/*", className: "sf-hidden", tabIndex: -1, ariaHidden: "true" });
  const video = element("video", { muted: true, playsInline: true, autoplay: true, className: "sf-video", ariaLabel: text.preview });
  const status = element("p", { className: "sf-status" });
  status.setAttribute("role", "status");
  let stream = null;
  let gone = false;

  const say = (message, problem) => {
    status.textContent = message;
    status.classList.toggle("sf-problem", problem);
  };
  const send = async (blob, name) => model.send({ name }, undefined, [await blob.arrayBuffer()]);

  const upload = button(text.upload, () => file.click());
  const open = button(text.open, start);
  const shoot = button(text.shoot, take);
  const stop = button(text.stop, () => { release(); open.focus(); });
  const live = element("div", { className: "sf-camera", hidden: true }, video, element("div", { className: "sf-row" }, shoot, stop));

  file.onchange = async () => {
    const chosen = file.files[0];
    file.value = ""; // so that the same file can be chosen again
    if (!chosen) return;
    say(text.loading, false);
    try {
      if (chosen.size <= LARGEST_MESSAGE) return await send(chosen, chosen.name);
      const bitmap = await createImageBitmap(chosen);
      await send(await pngOf(bitmap, bitmap.width, bitmap.height, LONGEST_SIDE), chosen.name);
    } catch {
      say(`${chosen.name}: ${text.large} (${(chosen.size / 1e6).toFixed(0)} MB)`, true);
    }
  };

  async function start() {
    if (!navigator.mediaDevices?.getUserMedia) return say(text.insecure, true);
    say(text.asking, false);
    open.disabled = true;
    try {
      const granted = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1024 } } });
      if (gone) return granted.getTracks().forEach((track) => track.stop());
      stream = video.srcObject = granted;
      await video.play();
      live.hidden = false;
      open.hidden = true;
      say("", false);
      shoot.focus();
    } catch (error) {
      release();
      say(cameraProblem(error, text), true);
    } finally {
      open.disabled = false;
    }
  }

  async function take() {
    const photo = await pngOf(video, video.videoWidth, video.videoHeight, 1024);
    release();
    open.focus();
    say(text.loading, false);
    await send(photo, "");
  }

  function release() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    live.hidden = true;
    open.hidden = false;
  }

  const answer = () => say(model.get("message"), model.get("problem"));
  model.on("change:answered", answer);
  answer();
  el.classList.add("sf-photo");
  el.append(element("div", { className: "sf-row" }, upload, open, file), live, status);
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  el.append(element("p", { className: "sf-note", textContent: here ? text.local : text.remote }));
  return () => { gone = true; release(); };
}

export default { render };
