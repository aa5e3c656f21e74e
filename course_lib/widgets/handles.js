// What the drawings with points to drag share; Python puts it before each of them.

const SVG = "http://www.w3.org/2000/svg";

function element(tag, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// A mouse or a finger drags the handle: move gets each event; a key goes to key.
function draggable(handle, move, key) {
  let held = false;
  handle.addEventListener("pointerdown", (event) => {
    held = true;
    handle.setPointerCapture(event.pointerId);
    handle.focus();
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => held && move(event));
  for (const end of ["pointerup", "pointercancel"]) handle.addEventListener(end, () => (held = false));
  handle.addEventListener("keydown", key);
  return handle;
}
