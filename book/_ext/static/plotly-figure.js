// Draws Plotly figures with the Plotly of this site: once the reader has touched the page and the figure is in view.
(() => {
  const library = new URL("../../shared/vendor/plotly.min.js", document.currentScript.src).href;
  const touches = ["scroll", "pointerdown", "pointermove", "keydown", "touchstart", "resize"];
  let loading;
  const load = () => (loading ??= new Promise((done, failed) => {
    const script = Object.assign(document.createElement("script"), { src: library });
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error(`${library} could not be loaded`));
    document.head.append(script);
  }));

  // Colours and fonts of the page, so that figures follow the dark mode.
  const template = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--pst-color-border"), zerolinecolor: colour("--pst-color-border"), automargin: true };
    return { layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("--pst-color-text-base"), family: getComputedStyle(document.body).fontFamily },
      colorway: ["#2f6fde", "#d9822b", "#2e9e6b", "#c2456d", "#7b61c9", "#1d9bb2", "#9a7b2f", "#6b7787"],
      xaxis: axis, yaxis: axis, margin: { l: 60, r: 20, t: 50, b: 50 },
    } };
  };

  async function draw(box) {
    if (box.dataset.state) return;
    box.dataset.state = "loading";
    try {
      const figure = JSON.parse(box.querySelector("script").textContent);
      const plotly = await load();
      const show = () => plotly.react(box.querySelector(".plotly-canvas"), {
        ...figure, layout: { ...figure.layout, template: template() }, config: { responsive: true, displaylogo: false },
      });
      await show();
      new MutationObserver(show).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      box.dataset.state = "ready";
    } catch (error) {
      box.dataset.state = "error";
      box.querySelector(".plotly-note").textContent += ` (${error.message})`;
    }
  }

  const boxes = [...document.querySelectorAll(".plotly-figure")];
  if (!boxes.length) return;
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    seen.unobserve(entry.target);
    draw(entry.target);
  }), { rootMargin: "300px" });
  const start = () => {
    touches.forEach((name) => removeEventListener(name, start));
    boxes.forEach((box) => seen.observe(box));
  };
  touches.forEach((name) => addEventListener(name, start, { passive: true }));
  addEventListener("beforeprint", () => boxes.forEach(draw));
  boxes.forEach((box) => box.querySelector("button").addEventListener("click", () => draw(box)));
})();
