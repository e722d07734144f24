/* Words of a query, of a name, of a page: how they are cut, folded and compared. Pure, as rank.js is. */
var GuideWords = (() => {
  "use strict";

  const STOP = new Set(
    ("a an and are as at be but by can do does for from get has have how i if in is it its me my of on or " +
      "should that the this to use using vs was we what when where which why will with your after during every than et al " +
      "的 了 是 在 和 与 吗 呢 怎么 如何 什么 为什么").split(" "));
  /* Words that people add to a name without meaning another page. */
  const FILLERS = new Set(
    ("torch pytorch paper explained implementation code example tutorial algorithm method technique formula " +
      "optimizer schedule init lr nn optim 论文 代码 实现 初始化 优化器 调度器").split(" "));
  /* Words of a Chinese question, which stand between its other words without a space. */
  const ASKED = /怎么样?|怎样|如何|有什么用?|为什么|什么|哪一?[个种些]|多少|应该|可以|有没有|是不是|请问|报错|[的了吗呢吧]/g;
  const HAN = /\p{sc=Han}/u;

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const squash = (text) => fold(text).replace(/[^\p{L}\p{N}]+/gu, "");

  /* One form for the spellings of a word: initialise, initializer and init; schedules and schedulers; weights. */
  function stem(word) {
    if (/^initiali[sz](e[drs]?|ers|ing|ations?)$/.test(word)) return "init";
    if (/^schedul(e[drs]?|ers|ing)$/.test(word)) return "schedule";
    const american = word.replace(/is(e[drs]?|ers|ing|ations?)$/, "iz$1");
    return american.length > 4 && /[^su]s$/.test(american) ? american.slice(0, -1) : american;
  }

  /* Words in lower case without accents, parts and whole of joined names, and pairs of Han characters. */
  function tokens(text) {
    const found = [];
    const plain = text.normalize("NFKD").replace(/\p{M}/gu, "");
    for (const piece of plain.split(/[^\p{L}\p{N}_-]+/u)) {
      for (const run of piece.match(/\p{sc=Han}+/gu) || []) {
        if (run.length === 1) found.push(run);
        for (let i = 0; i + 1 < run.length; i++) found.push(run.slice(i, i + 2));
      }
      for (const word of piece.split(/\p{sc=Han}+/u)) {
        let parts = word.split(/[_-]+/).filter(Boolean);
        if (parts.length === 1 && parts[0].length > 7) {
          const humps = parts[0].replace(/([a-z0-9])(?=[A-Z])/g, "$1 ").split(" ");
          if (humps.every((hump) => hump.length > 1)) parts = humps;
        }
        for (const part of parts) found.push(stem(part.toLowerCase()));
        if (parts.length > 1) found.push(stem(parts.join("").toLowerCase()));
      }
    }
    return found;
  }

  /* Edits that a word of this length may differ by; one of three letters keeps its first (see `slip`). */
  const slack = (length) => (length < 3 ? 0 : length < 8 ? 1 : 2);

  /* Whether a word may be meant for another by a slip: three letters say too little to doubt the first of them. */
  const slip = (word, other) => word.length > 3 || word[0] === other[0];

  /* Distance by insertions, deletions, substitutions and swaps of neighbours; Infinity when above the limit. */
  function distance(a, b, limit) {
    if (Math.abs(a.length - b.length) > limit) return Infinity;
    let before = [], last = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
      const row = [i];
      let least = i;
      for (let j = 1; j <= b.length; j++) {
        let cost = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] !== b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2] + 1);
        row.push(cost);
        if (cost < least) least = cost;
      }
      if (least > limit) return Infinity;
      before = last;
      last = row;
    }
    return last[b.length] <= limit ? last[b.length] : Infinity;
  }

  /* Text without the words that every question has, and its other words, each once; all of it where nothing else is. */
  function sayings(text) {
    const rest = text.replace(ASKED, " ");
    const kept = squash(rest) ? rest : text;
    const all = [...new Set(tokens(kept))];
    const terms = all.filter((term) => !STOP.has(term));
    return { kept, terms: terms.length ? terms : all };
  }

  /* A name or a query as one piece, with what tells quickly that two pieces are far apart. */
  function piece(key) {
    let letters = 0;
    for (let i = 0; i < key.length; i++) letters |= 1 << (key.charCodeAt(i) & 31);
    return { key, letters };
  }

  /* False only if more than `limit` edits are between the two: an edit changes at most two letters of the set. */
  function near(a, b, limit) {
    if (Math.abs(a.key.length - b.key.length) > limit) return false;
    let differing = a.letters ^ b.letters, count = 0;
    for (; differing; count++) differing &= differing - 1;
    return count <= 2 * limit;
  }

  return { FILLERS, HAN, STOP, distance, fold, near, piece, sayings, slack, slip, squash, stem, tokens };
})();
