/* Answers Material's search dialog, whose four messages these are. The index is fetched when somebody begins to search. */
"use strict";

importScripts("vendor/minisearch.min.js", "words.js", "names.js", "rank.js");

const SETUP = 0, READY = 1, QUERY = 2, RESULT = 3;
let address, guide;

function load() {
  guide ||= fetch(address)
    .then((response) => (response.ok ? response.json() : Promise.reject(new Error(response.statusText))))
    .then(GuideSearch.open);
  guide.catch(() => (guide = undefined)); // the next key tries again
  return guide;
}

addEventListener("message", async ({ data: { type, data } }) => {
  if (type === SETUP) {
    address = new URL(`../../search/${data.config.index}`, location.href);
    postMessage({ type: READY });
  } else if (type === QUERY) {
    let result = { items: [] };
    try {
      if (data) result = GuideSearch.answer(await load(), data.trim());
    } catch (error) {
      console.warn("search:", error);
    }
    postMessage({ type: RESULT, data: result });
  }
});
