/* Ranks the guide's pages for a query. Pure: no page, no network; the worker and the tests run it alike. */
var GuideSearch = (() => {
  "use strict";

  const { FILLERS, HAN, STOP, fold, piece, sayings, slack, squash, stem, tokens } = GuideWords;
  const FIELDS = ["title", "names", "asked", "torch", "papers", "authors", "summary", "text", "coauthors"];
  const BOOST = {
    title: 10, names: 9, torch: 8, asked: 5, papers: 4, authors: 3.5, summary: 3, text: 1, coauthors: 1,
  };
  const KIND = { technique: 1, error: 0.95, pitfall: 0.9, section: 0.85, heading: 0.8, page: 0.6 };
  const CUT = new Set(["asked", "text"]); // fields that hold words as `tokens` gives them
  const SHOWN = 12, OF_ONE_PAGE = 3; // results, and places among them that lie on the same page

  /* An edition's index, alone or with that of the other edition, ready to be asked. */
  function open(data, other) {
    const docs = GuideIndex.documents(data, other).map((doc, id) => ({
      names: [], asked: [], torch: [], papers: [], summary: "", authors: "", coauthors: "", text: "", ...doc, id,
    }));
    const vocabulary = new Set();
    const index = new MiniSearch({
      fields: FIELDS,
      tokenize: (text, field) => (CUT.has(field) ? text.split(" ").filter(Boolean) : tokens(text)),
      processTerm: (term) => (vocabulary.add(term), term),
      extractField: (doc, field) => (Array.isArray(doc[field]) ? doc[field].flat().join(CUT.has(field) ? " " : " / ") : doc[field]),
    });
    index.addAll(docs);
    const sections = docs.filter((doc) => doc.kind === "section");
    const most = Math.max(1, ...docs.map((doc) => doc.links || 0));
    return { data, docs, index, vocabulary, sections, known: GuideNames.open(docs), most, words: data.words };
  }

  function prepare(guide, typed) {
    const { kept, terms } = sayings(typed);
    const words = fold(kept).split(/[\s,;?!，。？！；、]+/).filter((word) => word && !FILLERS.has(stem(word)));
    const cores = [words.filter((word) => !STOP.has(word)), words].map((some) => squash(some.join(" "))).filter(Boolean);
    const key = squash(typed);
    const meaning = terms.filter((term) => !FILLERS.has(term));
    const pieces = [...new Set([key, ...cores])].filter((form) => form.length > 2).map(piece);
    const slips = terms.some((term) => !guide.vocabulary.has(term));
    const query = { key, cores, pieces, slips, all: terms, terms: meaning.length ? meaning : terms };
    return { ...query, words: GuideNames.weigh(guide.known, query, guide.vocabulary) };
  }

  /* How well the text of each page answers, of those that have a word of the query. */
  function textScores(guide, query) {
    const found = guide.index.search(query.all.join(" "), {
      tokenize: (joined) => joined.split(" "),
      boost: BOOST,
      prefix: (term) => term.length > 2 || HAN.test(term),
      fuzzy: (term) => (guide.vocabulary.has(term) || HAN.test(term) || term.length < 4 ? false : slack(term.length)),
      processTerm: (term) => term,
      weights: { fuzzy: 0.3, prefix: 0.5 },
    });
    const says = new Map(query.words.map(({ term, weight }) => [term, weight]));
    const all = [...says.values()].reduce((sum, one) => sum + one, 0);
    const share = (hit) => hit.queryTerms.reduce((sum, term) => sum + (says.get(term) || 0), 0) / all;
    return new Map(found.map((hit) => [hit.id, hit.score * share(hit) ** 1.5]));
  }

  function rank(guide, text) {
    const query = prepare(guide, text);
    if (!query.key) return [];
    const prose = textScores(guide, query);
    const most = Math.max(1e-9, ...prose.values());
    const names = GuideNames.best(guide.known, query);
    const meant = new Set();
    for (const { met, filler } of query.words) {
      if (!filler) for (const [word, quality] of met) if (quality > 0.7) meant.add(word);
    }
    const hits = [];
    for (const doc of guide.docs) {
      const { name, score = 0 } = names.get(doc.id) || {};
      if (!prose.has(doc.id) && score < 180) continue;
      let total = score + ((score > 840 ? 35 : score > 450 ? 150 : 220) * (prose.get(doc.id) || 0)) / most;
      if (doc.kind === "technique") {
        const own = guide.known.stems[doc.id];
        total += own.length ? (80 * own.filter((word) => meant.has(word)).length) / own.length : 0;
        total += (15 * (doc.links || 0)) / guide.most;
      }
      if (doc.kind === "section" && !query.cores.length) total *= 1.6;
      if (name && name.key === query.key) total += 600; // nothing comes before the very name
      hits.push({ doc, name, named: score, score: total * KIND[doc.kind] });
    }
    hits.sort((a, b) => b.score - a.score || a.doc.id - b.doc.id);
    const seen = new Set(), places = new Map();
    const shown = hits.filter(({ doc }) => {
      if (seen.has(doc.url)) return false;
      seen.add(doc.url);
      if (doc.in) places.set(doc.page, (places.get(doc.page) || 0) + 1);
      return !doc.in || places.get(doc.page) <= OF_ONE_PAGE;
    });
    return pitfallsFirst(guide, query, shown.slice(0, SHOWN)).map((hit) => ({ ...hit, words: marked(guide, query, hit) }));
  }

  /* A pitfall that says what is asked stands before its page, which is found by the same words. */
  function pitfallsFirst(guide, query, hits) {
    for (const hit of [...hits]) {
      const page = hits.findIndex(({ doc }) => doc.page === hit.doc.page && !doc.in);
      if (page < 0 || page > hits.indexOf(hit) || !hit.doc.in || hit.doc.kind === "heading" || !saysAll(query, hit.doc)) continue;
      hits.splice(hits.indexOf(hit), 1);
      hits.splice(page, 0, hit);
    }
    return hits;
  }

  /* Whether what a pitfall begins with, with the name of its page and its other words, has nearly all that the query
     says, and the query much of what it begins with. */
  function saysAll(query, { title, names, text, in: place, url }) {
    const has = (words, term) => words.some((word) => word.startsWith(term) || (word.length > 3 && term.startsWith(word)));
    const lead = [title, ...names].flatMap(tokens), rest = [...tokens(`${place} ${url}`), ...text.split(" ")];
    const said = query.terms.filter((term) => has(lead, term)).length;
    const weigh = (some) => some.reduce((sum, { weight, filler }) => sum + (filler ? 0 : weight), 0);
    const met = query.words.filter(({ term }) => has(lead, term) || has(rest, term));
    return said > 1 && (said > 2 || said >= sayings(title).terms.length / 2) && weigh(met) >= 0.7 * weigh(query.words);
  }

  /* The words to mark where a result leads to: those of the query, and those of its names that a slip was meant for. */
  function marked(guide, query, { doc, name, named }) {
    if (!doc.in && named > 400) return []; // a page found by its name is meant as a whole
    const own = new Set(name ? name.words : []);
    const meant = query.words.flatMap(({ met }) => [...met.keys()].filter((word) => own.has(word)));
    return [...new Set([...query.terms, ...meant.map((word) => guide.known.pieces[word].key)])];
  }

  /* The technique whose name shares most pairs of letters with the query: for queries that meet nothing. */
  function nearest(guide, text) {
    const pairs = (key) => new Set(Array.from({ length: Math.max(1, key.length - 1) }, (_, i) => key.slice(i, i + 2)));
    const mine = pairs(squash(text));
    let best, most = -1;
    for (const { key, doc } of guide.known.names) {
      if (guide.docs[doc].kind !== "technique") continue;
      const theirs = pairs(key);
      const both = [...mine].filter((pair) => theirs.has(pair)).length;
      const like = (2 * both) / (mine.size + theirs.size);
      if (like > most) [best, most] = [guide.docs[doc], like];
    }
    return best;
  }

  const escape = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

  /* What Material's dialog shows: a list of pages, each a list that begins with the page itself. */
  function answer(guide, text) {
    const title = (doc) => {
      const place = doc.in && [doc.in, doc.kind !== "heading" && guide.words.pitfalls].filter(Boolean).join(" › ");
      return (place ? `<span class="search-place">${escape(place)} › </span>` : "") + escape(doc.title);
    };
    const item = (doc, score, lead = "", words = []) => {
      const [page, anchor] = doc.url.split("#");
      const location = page + (words.length ? `?h=${encodeURIComponent(words.join(" "))}` : "") + (anchor ? `#${anchor}` : "");
      return [{ location, title: title(doc), text: lead + escape(doc.summary), terms: {}, score }];
    };
    const asked = `<span data-query="${escape(text)}"></span>`; // the dialog learns which query is answered
    const hits = rank(guide, text);
    if (!hits.length && squash(text)) {
      const near = nearest(guide, text);
      const label = `<span class="search-none">${escape(guide.words.nearest)}</span> `;
      return { items: [near && item(near, 100, asked + label), ...guide.sections.map((s, i) => item(s, 90 - i))].filter(Boolean) };
    }
    const items = hits.map(({ doc, name, named, words }, place) => {
      const other = name && name.shown && named > 400 && doc.kind === "technique" && name.key !== squash(doc.title);
      return item(doc, 1000 - place, (place ? "" : asked) + (other ? `<mark>${escape(name.text)}</mark> ` : ""), words);
    });
    const last = fold(text).split(/[\s-]+/).pop();
    const top = hits.length && hits[0].named > 400 && hits[0].name;
    const word = top && last && top.text.toLowerCase().split(/[\s-]+/).find((w) => w.startsWith(last));
    return { items, suggest: word ? [word] : [] };
  }

  return { answer, open, rank, tokens };
})();
