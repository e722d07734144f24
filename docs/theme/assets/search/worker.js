/* Answers Material's search dialog, whose four messages these are. Scripts and index are fetched when somebody asks. */
"use strict";

const SCRIPTS = ["vendor/minisearch.min.js", "words.js", "unpack.js", "names.js", "rank.js"];
const SETUP = 0, READY = 1, QUERY = 2, RESULT = 3;
let config;
let asked = 0;
const loaded = new Map();

/* What `make` promises, once; after a failure the next key tries again. */
function once(name, make) {
  if (!loaded.has(name)) loaded.set(name, make().catch((error) => Promise.reject(loaded.delete(name) && error)));
  return loaded.get(name);
}

const fetched = (name) =>
  once(name, async () => {
    const response = await fetch(new URL(`../../${config[name]}`, location.href)); // from the edition's root
    return response.ok ? response.json() : Promise.reject(new Error(response.statusText));
  });

/* The edition's own guide; for a query in the other language, with what the other edition says of the same pages. */
async function guideFor(text) {
  const own = await fetched("index");
  const guide = await once("guide", async () => GuideSearch.open(own));
  if (!GuideIndex.asksOther(own, text)) return guide;
  return once("both", async () => GuideSearch.open(own, await fetched("other"))).catch(() => guide);
}

addEventListener("message", async ({ data: { type, data } }) => {
  if (type === SETUP) {
    config = data.config;
    postMessage({ type: READY });
  } else if (type === QUERY) {
    const mine = ++asked;
    let result = { items: [] };
    try {
      if (data && SCRIPTS.length) importScripts(...SCRIPTS.splice(0));
      if (data) result = GuideSearch.answer(await guideFor(data), data.trim());
    } catch (error) {
      console.warn("search:", error);
    }
    if (mine === asked) postMessage({ type: RESULT, data: result }); // else there is a newer query, which may be answered already
  }
});
