// Cuts a query into words: Latin words as they are, runs of Chinese into the longest words that the index knows.
// Becomes part of language_data.js; `Search` is Sphinx's. A single character between known words is dropped (的, 与);
// two or more that the index does not know stay a word, and then nothing is found, as should be.
var splitQuery = (query) => {
  const known = (word) => Search._index && (word in Search._index.terms || word in Search._index.titleterms);
  const cut = (run) => {
    const words = [];
    let unknown = "";
    const keep = () => {
      if (unknown.length > 1) words.push(unknown);
      unknown = "";
    };
    for (let i = 0; i < run.length; ) {
      let end = run.length;
      while (end > i + 1 && !known(run.slice(i, end))) end--;
      if (end > i + 1) {
        keep();
        words.push(run.slice(i, end));
      } else unknown += run[i];
      i = end;
    }
    keep();
    return words.length ? words : [run];
  };
  return (query.match(/[\u3400-\u9fff]+|[^\s\u3400-\u9fff\p{P}]+/gu) || [])
    .flatMap((part) => (/[\u3400-\u9fff]/.test(part) ? cut(part) : [part]));
};
