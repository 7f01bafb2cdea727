/* The score of the vertical axis, by what models were trained on. */
(() => {
  const data = read("scatter-data");
  const [section, table, title, up, plot] = ["learned", "learned-table", "learned-score", "axis-y", "plot"]
    .map((id) => document.getElementById(id));
  const [WIDTH, HEIGHT, EDGE] = [280, 22, 10];

  function groups(score) {
    const found = new Map();
    for (const row of data.rows) {
      if (!row.data || row.values[score] === undefined) continue;
      if (!found.has(row.data)) found.set(row.data, []);
      found.get(row.data).push(row);
    }
    const mean = (rows) => rows.reduce((sum, row) => sum + row.values[score], 0) / rows.length;
    return [...found].map(([text, rows]) => ({ text, rows, mean: mean(rows) }))
      .sort((one, other) => other.mean - one.mean);
  }

  /* A mean is as unsure as the coarsest of its scores. */
  function digitsOf(rows, score) {
    return Math.min(3, ...rows.map((row) => row.digits[score] ?? 3));
  }

  function dots(rows, score, place) {
    const label = rows.map((row) => `${row.label} ${number(row.values[score], row.digits[score])}`).join(", ");
    return draw("svg", { class: "dots", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
      ...rows.map((row) => {
        const dot = marker(data.families[row.family], place(row.values[score]), HEIGHT / 2, 1, row.published.includes(score));
        dot.append(draw("title", {}, `${row.label}: ${number(row.values[score], row.digits[score])}`));
        return dot;
      }));
  }

  function show() {
    const score = up.value;
    const found = groups(score);
    section.hidden = found.length < 2;
    if (section.hidden) return;
    title.textContent = score;
    const values = found.flatMap((group) => group.rows.map((row) => row.values[score]));
    const [low, high] = [Math.min(0, ...values), Math.max(...values)];
    const place = (value) => EDGE + ((WIDTH - 2 * EDGE) * (value - low)) / (high - low || 1);
    const heads = [["Training data"], ["Mean", "number"], [`${number(low, 2)} to ${number(high, 2)}`], ["Models", "number"], ["Learning"]];
    table.replaceChildren(
      make("thead", {}, make("tr", {}, ...heads.map(([text, kind]) => make("th", { scope: "col", class: kind }, text)))),
      make("tbody", {}, ...found.map((group) => make("tr", {}, make("th", { scope: "row", class: "text" }, group.text),
        make("td", { class: "number" }, number(group.mean, digitsOf(group.rows, score))), make("td", {}, dots(group.rows, score, place)),
        make("td", { class: "number" }, String(group.rows.length)),
        make("td", {}, [...new Set(group.rows.map((row) => row.learning).filter(Boolean))].join(", ") || "–")))));
  }

  plot.addEventListener("shown", show);
  show();
})();
