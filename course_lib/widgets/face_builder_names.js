// ipywidgets leaves slider handles without a name; groups of sliders come and go, so each is named as it appears.

function render({ el }) {
  let observer;
  const start = () => {
    const root = el.closest(".sf-lab");
    if (!root) return;
    const name = () => {
      for (const handle of root.querySelectorAll(".widget-slider .noUi-handle:not([aria-label])")) {
        const label = handle.closest(".widget-slider").querySelector(".widget-label");
        if (label) handle.setAttribute("aria-label", label.textContent);
      }
    };
    observer = new MutationObserver(name);
    observer.observe(root, { childList: true, subtree: true });
    name();
  };
  const waiting = requestAnimationFrame(start); // until the widget stands in the page
  return () => {
    cancelAnimationFrame(waiting);
    observer?.disconnect();
  };
}

export default { render };
