// What a search result quotes: the page's text, without its buttons, folded code's labels and figures.
Search.htmlToText = (source, anchor) => {
  const page = new DOMParser().parseFromString(source, "text/html");
  const unwanted = ".headerlink, .run-links, .section-number, summary, live-figure, .plotly-figure, script, style, noscript";
  page.querySelectorAll(unwanted).forEach((element) => element.remove());
  page.querySelectorAll(".math").forEach((formula) => { formula.textContent = formula.textContent.replace(/\\[()[\]]/g, ""); });
  const part = (anchor && page.getElementById(decodeURIComponent(anchor.slice(1)))) || page.querySelector("article");
  return part ? part.textContent : "";
};
