/* The names of the guide's pages, and how well each page's best name answers a query. Pure, as rank.js is. */
var GuideNames = (() => {
  "use strict";

  const { FILLERS, HAN, distance, near, piece, sayings, slack, slip, squash, stem } = GuideWords;
  const RARE = 3; // how much more the rarest word of all names says than one that all pages' names have
  const UNNAMED = 0.5; // what a word says that is in no name
  const FILLER = 0.15; // what a filler counts, beside a word of meaning, when a name is compared with a query

  /* Names by which a page is known, each with its weight: title, aliases, torch names with their shorter forms, papers,
     and what readers ask, of which there are only words. A paper's title says what is meant whatever stands beside it,
     if it is there `whole`. What a place within a page is called may be asked for together with the page: `besides`. */
  function namesOf(doc) {
    const found = [];
    const seen = new Set();
    const besides = doc.in ? sayings(`${doc.in} ${doc.url.split("#")[0].split("/").pop().replace(/\.html|-/g, " ")}`).terms : [];
    const add = (text, weight, { whole = false, shown = true } = {}) => {
      const key = squash(text);
      if (!key || seen.has(key)) return;
      seen.add(key);
      found.push({ ...piece(key), doc: doc.id, page: doc.page, text, weight, whole, shown, besides, terms: sayings(text).terms });
    };
    add(doc.title, 1);
    doc.names.forEach((name, place) => add(name, place < 2 ? 0.99 : 0.96 - Math.min(place, 20) * 0.002));
    doc.torch.forEach((name, place) => {
      const parts = name.split(".");
      for (let from = 0; from < parts.length; from++) {
        add(parts.slice(from).join("."), 0.95 - Math.min(place, 20) * 0.004);
      }
    });
    doc.papers.forEach((title, place) => add(title, place ? 0.3 : 0.75, { whole: title.split(" ").length > 3 }));
    for (const terms of doc.asked) {
      found.push({ key: "", letters: 0, doc: doc.id, page: doc.page, text: "", weight: 0.93, whole: false, shown: false, besides, terms });
    }
    return found;
  }

  /* Every name, and every word of a name once with the names that have it, so that a query is compared with it once. */
  function open(docs) {
    const names = docs.flatMap(namesOf);
    const words = new Map(); // a word of names: its number
    const pieces = [], bearers = [], initials = new Map();
    const number = (word) => {
      if (!words.has(word)) {
        words.set(word, pieces.length);
        if (!initials.has(word[0])) initials.set(word[0], []);
        initials.get(word[0]).push(pieces.length);
        pieces.push(piece(word));
        bearers.push([]);
      }
      return words.get(word);
    };
    names.forEach((name, id) => {
      name.words = name.terms.map(number);
      for (const word of new Set([...name.words, ...name.besides.map(number)])) bearers[word].push(id);
    });
    const stems = docs.map((doc) => {
      if (doc.kind !== "technique") return [];
      const parts = doc.url.split("/").pop().replace(".html", "").split("-").map(stem);
      return parts.filter((part) => !FILLERS.has(part)).map(number);
    });
    return { names, pieces, bearers, initials, stems, pages: new Set(docs.map((doc) => doc.page)).size };
  }

  /* The words of names that a word of the query meets: 1 equal, less for a beginning, or for a slip of a word that no
     page knows. */
  function meetings({ pieces, initials }, term, known) {
    const met = new Map();
    for (const word of initials.get(term[0]) || []) {
      const { key } = pieces[word];
      if (key === term) met.set(word, 1);
      else if (term.length > 1 && key.startsWith(term) && key.length - term.length <= 12) {
        met.set(word, 0.75 + 0.2 * (term.length / key.length));
      } else if (key.length > 3 && term.length > 4 && term.length - key.length < 3 && term.startsWith(key)) {
        met.set(word, 0.8);
      }
    }
    if (known) return met;
    const typed = piece(term);
    pieces.forEach((other, word) => {
      const limit = term.length > 3 && other.key.length < 4 ? 0 : slack(Math.min(term.length, other.key.length));
      if (!met.has(word) && slip(term, other.key) && near(typed, other, limit) && distance(term, other.key, limit) < Infinity) met.set(word, 0.8);
    });
    return met;
  }

  /* How much a word of the query says, by the number of pages whose names have it. */
  function rarity({ names, bearers, pages }, met) {
    const having = new Set();
    for (const [word, quality] of met) if (quality > 0.7) for (const id of bearers[word]) having.add(names[id].page);
    return having.size ? 1 + RARE * (1 - Math.log(1 + having.size) / Math.log(1 + pages)) : UNNAMED;
  }

  /* The words of the query, each with the words of names that it meets and with how much it says. */
  function weigh(guide, query, vocabulary) {
    return query.all.map((term) => {
      const filler = !query.terms.includes(term);
      const met = meetings(guide, term, vocabulary.has(term));
      return { term, met, filler, weight: (filler ? FILLER : 1) * rarity(guide, met) };
    });
  }

  /* How well the name as one piece answers: the same, its beginning, nearly the same, or part of what was typed. */
  function wholly(name, { key, pieces, cores, slips }) {
    if (cores.includes(name.key)) return 900;
    let best = name.whole && key.includes(name.key) ? 450 : 0;
    if (key.length > 1 && name.key.startsWith(key)) best = Math.max(best, 420 + 180 * (key.length / name.key.length));
    const limit = !slips || key.length < 3 || !slip(key, name.key) ? 0 : HAN.test(key) ? 1 : Math.min(3, Math.ceil(key.length / 6));
    for (const form of limit ? pieces : []) {
      const off = near(form, name, limit) ? distance(form.key, name.key, limit) : Infinity;
      if (off / form.key.length <= 0.34) best = Math.max(best, 640 * (1 - off / form.key.length) - 40);
    }
    return best;
  }

  /* How well the name answers by its words: `cover`, the share of the query that it meets, and `share`, its own. */
  function partly(cover, share, all) {
    if (share === 1 && cover > 0.999) return 900; // the same words, in another order or spelling
    const best = share === 1 ? 200 * cover : 0;
    if (all) return Math.max(best, (300 + 350 * share) * cover ** 1.5);
    return cover > 0.4 ? Math.max(best, 330 * cover * cover * (0.35 + 0.65 * share)) : best;
  }

  /* The best name of each page that has one for the query, and how well it answers, 0 to 1000. */
  function best(guide, query) {
    const { names, bearers } = guide;
    const met = new Float64Array(names.length), answered = new Uint8Array(names.length);
    const strong = new Set();
    for (const { met: words, filler, weight } of query.words) {
      const qualities = new Map();
      for (const [word, quality] of words) {
        if (quality > 0.6) strong.add(word);
        for (const id of bearers[word]) if (quality > (qualities.get(id) || 0)) qualities.set(id, quality);
      }
      for (const [id, quality] of qualities) {
        met[id] += weight * quality;
        if (quality >= 0.7 && !filler) answered[id]++;
      }
    }
    const said = query.words.reduce((sum, { weight }) => sum + weight, 0);
    const wanted = query.words.filter(({ filler }) => !filler).length;
    const found = new Map();
    names.forEach((name, id) => {
      let score = !name.key ? 0 : name.key === query.key ? 1000 : wholly(name, query);
      if (score < 900 && met[id]) {
        const share = name.words.filter((word) => strong.has(word)).length / name.words.length;
        if (share) score = Math.max(score, partly(met[id] / said, share, answered[id] === wanted));
      }
      score *= name.weight;
      if (score > (found.get(name.doc)?.score || 0)) found.set(name.doc, { name, score });
    });
    return found;
  }

  return { best, open, weigh };
})();
