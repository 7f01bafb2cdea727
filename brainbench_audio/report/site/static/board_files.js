/* What a spreadsheet would take for a formula stands behind a '. */
function csvCell(one) {
  if (one === null || one === undefined) return "";
  if (typeof one === "boolean") return one ? "1" : "0";
  if (typeof one === "number") return String(one);
  const safe = /^[=+\-@\t\r＝＋－＠]/.test(one) ? `'${one}` : one;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/* The view as a file, made here: nothing is asked of a server. */
(() => {
  const { data, table, form, ids, rows, columns, numbers } = board;
  const cite = document.getElementById("cite");
  const FIELDS = ["value", "error", "low", "high", "ceiling", "normalised", "reading_error", "published", "rank"];

  function scores() {
    return rows().flatMap((row) => columns().map((place) => [row, place, numbers(row, place)]))
      .filter(([, , score]) => score)
      .map(([row, place, score]) => ({ model: row.model, label: row.label, family: row.family,
        benchmark: ids[place], ...score }));
  }

  function csv() {
    const head = ["model", "label", "family", "benchmark", ...FIELDS];
    const lines = scores().map((score) => head.map((name) => csvCell(score[name])).join(","));
    return `${[head.join(","), ...lines].join("\n")}\n`;
  }

  function json() {
    const about = { title: data.title, note: data.note, view: location.href };
    return `${JSON.stringify({ ...about, scores: scores() }, null, 1)}\n`;
  }

  function own() {
    const title = data.title.replace(/[{}\\]/g, "");
    return `@misc{brainbench-audio-view,\n  title = {${title}},\n  note = {${data.note}},\n`
      + `  howpublished = {${location.href.replace(/[{}\\]/g, "")}}\n}`;
  }

  function bib() {
    const cited = new Set([...rows().flatMap((row) => row.cited),
      ...columns().flatMap((place) => data.columns[place].cited)]);
    return `${[own(), ...[...cited].map((place) => data.citations[place])].join("\n\n")}\n`;
  }

  const makers = { csv: [csv, "text/csv"], json: [json, "application/json"], bib: [bib, "text/plain"] };

  function save(kind) {
    const [made, type] = makers[kind];
    const address = URL.createObjectURL(new Blob([made()], { type: `${type};charset=utf-8` }));
    make("a", { href: address, download: `brainbench.${kind}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  for (const button of form.querySelectorAll("button[data-save]")) {
    button.addEventListener("click", () => save(button.dataset.save));
  }
  const say = () => { cite.textContent = own(); };
  table.addEventListener("shown", say);
  say();
})();
