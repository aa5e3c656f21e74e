// Cuts a query into words: Latin words as they are, runs of Chinese into the longest words that the index knows.
// Becomes part of language_data.js; `Search` and `stemmer` are Sphinx's.
var splitQuery = (query) => {
  const known = (word) => Search._index && (word in Search._index.terms || word in Search._index.titleterms);
  const cut = (run) => {
    const words = [];
    for (let i = 0; i < run.length; ) {
      let end = run.length;
      while (end > i + 1 && !known(run.slice(i, end))) end--;
      if (end > i + 1) words.push(run.slice(i, end));
      i = end;
    }
    return words.length ? words : [run];
  };
  return (query.match(/[\u3400-\u9fff]+|[^\s\u3400-\u9fff\p{P}]+/gu) || [])
    .flatMap((part) => (/[\u3400-\u9fff]/.test(part) ? cut(part) : [part]));
};
