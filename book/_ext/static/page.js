// The language switch leads to the same place: the anchor of the address, or else the section that is on screen.
(() => {
  const inView = () => {
    if (scrollY < innerHeight / 2) return "";
    const passed = [...document.querySelectorAll("article section[id]")]
      .filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
    return passed.length ? `#${encodeURIComponent(passed.at(-1).id)}` : "";
  };
  document.querySelectorAll("a.language-switch").forEach((link) => {
    const page = link.getAttribute("href");
    const aim = () => link.setAttribute("href", page + location.search + (location.hash || inView()));
    ["pointerdown", "focus", "click", "auxclick"].forEach((event) => link.addEventListener(event, aim));
    link.addEventListener("click", () => {
      try { localStorage.setItem("seeing-faces-language", link.dataset.edition); } catch { /* private mode */ }
    });
  });
})();

// sphinx-togglebutton names its buttons in English whatever the language: use the words that it shows.
addEventListener("DOMContentLoaded", () => document.querySelectorAll("button.toggle-button").forEach((button) => {
  button.setAttribute("aria-label", button.dataset.toggleHint);
}));
