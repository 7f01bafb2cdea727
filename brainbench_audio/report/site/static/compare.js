(() => {
  const data = read("compare-data");
  const form = document.getElementById("models");
  const table = document.getElementById("compared");
  const [layers, key] = ["layers", "key"].map((id) => document.getElementById(id));
  const selects = [...form.querySelectorAll("select")];
  // lines differ in dashes and markers, too
  const LINES = [["#0072B2", null, "o"], ["#D55E00", "6 3", "s"], ["#009E73", "2 2", "^"], ["#AA4499", "8 3 2 3", "D"]];
  const [VALUE, LOW, HIGH, DIGITS, PUBLISHED] = Array(5).keys();
  const places = new Map(data.models.map((model, place) => [model.id, place]));
  const pairs = new Map(data.pairs.map(([benchmark, one, other, ...rest]) => [`${benchmark} ${one} ${other}`, rest]));

  function chosen() {
    const ids = selects.map((select) => select.value).filter((id) => places.has(id));
    return [...new Set(ids)].map((id) => places.get(id));
  }

  function restore() {
    const wanted = choices().getAll("m").filter((id) => places.has(id));
    const ids = wanted.length > 1 ? wanted : data.start;
    selects.forEach((select, place) => { select.value = ids[place] || (place > 1 ? "" : data.models[0].id); });
  }

  function store() {
    const found = new URLSearchParams();
    for (const place of chosen()) found.append("m", data.models[place].id);
    remember(found);
  }

  /* Score of `other` less that of `first`. */
  function difference(benchmark, first, other) {
    const turned = pairs.get(`${benchmark} ${first} ${other}`);
    if (turned) return [-turned[0], -turned[2], -turned[1], turned[3]];
    return pairs.get(`${benchmark} ${other} ${first}`) || null;
  }

  function scoreCell(score, best) {
    if (!score) return make("td", { class: "number quiet" }, "–");
    const title = score[LOW] === null ? null : `interval ${number(score[LOW])} to ${number(score[HIGH])}`;
    const names = ["number", best ? "sorted" : "", score[PUBLISHED] ? "printed" : ""].filter(Boolean).join(" ");
    return make("td", { class: names, title: score[PUBLISHED] ? "published" : title }, number(score[VALUE], score[DIGITS]));
  }

  function differenceCells(found) {
    if (!found) return [make("td", { class: "number quiet" }, "–"), make("td", { class: "number quiet" }, "–")];
    const [value, low, high, p] = found;
    const sign = value > 0 ? "+" : "";
    const words = p < 0.001 ? "< 0.001" : p.toFixed(3);
    return [make("td", { class: "number" }, `${sign}${number(value)} `,
      make("span", { class: "quiet" }, `(${number(low)} to ${number(high)})`)),
    make("td", { class: p < 0.05 ? "number sorted" : "number" }, words)];
  }

  function swatch(place) {
    const [colour, dashes, shape] = LINES[place];
    return draw("svg", { class: "swatch", viewBox: "0 0 28 12", "aria-hidden": "true" },
      draw("line", { x1: 1, x2: 27, y1: 6, y2: 6, stroke: colour, "stroke-width": 2, "stroke-dasharray": dashes }),
      marker({ colour, marker: shape }, 14, 6, 0.7));
  }

  function showTable(models) {
    const heads = models.map((place, at) => make("th", { scope: "col", class: "number" }, swatch(at),
      make("a", { href: data.models[place].href }, data.models[place].label)));
    const others = models.slice(1).flatMap((place) => [
      make("th", { scope: "col", class: "number" }, `${data.models[place].label} − ${data.models[models[0]].label}`),
      make("th", { scope: "col", class: "number" }, "p")]);
    const rows = data.benchmarks.map((benchmark, at) => {
      const scores = models.map((place) => data.models[place].scores[at]);
      if (scores.filter(Boolean).length < 2) return null;
      const best = Math.max(...scores.filter(Boolean).map((score) => score[VALUE]));
      return make("tr", {}, make("th", { scope: "row" }, make("a", { href: data.pages[at] }, benchmark)),
        ...scores.map((score) => scoreCell(score, score && score[VALUE] === best)),
        ...models.slice(1).flatMap((place) => differenceCells(difference(at, models[0], place))));
    }).filter(Boolean);
    const none = make("tr", {}, make("td", { colspan: models.length * 3 - 1 }, "No benchmark has scores of two of them."));
    table.replaceChildren(make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Benchmark"), ...heads, ...others)),
      make("tbody", {}, ...(rows.length ? rows : [none])));
    table.hidden = false;
  }

  function profileOf(place, benchmark) {
    const model = data.models[place];
    const found = model.profiles.find((profile) => profile[0] === benchmark);
    return found && { what: found[2], names: model.layers[found[1]], values: found[3] };
  }

  function figure(models, benchmark) {
    const found = models.map((place) => profileOf(place, benchmark));
    if (!found.some(Boolean)) return null;
    const [WIDTH, HEIGHT, LEFT, BOTTOM] = [360, 200, 44, 30];
    const all = found.filter(Boolean).flatMap((one) => one.values).filter((one) => one !== null);
    const [low, high] = [Math.min(0, ...all), Math.max(...all, 0.001)];
    const toX = (place, count) => LEFT + 8 + ((WIDTH - LEFT - 20) * place) / (count - 1);
    const toY = (value) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 12) * (value - low)) / (high - low);
    const parts = [low, (low + high) / 2, high].flatMap((value) => [
      draw("line", { x1: LEFT, x2: WIDTH - 6, y1: toY(value), y2: toY(value), class: "grid" }),
      draw("text", { x: LEFT - 6, y: toY(value) + 4, "text-anchor": "end" }, number(value, high - low > 0.2 ? 2 : 3))]);
    parts.push(draw("text", { x: toX(0, 2), y: HEIGHT - 8 }, "first layer"),
      draw("text", { x: toX(1, 2), y: HEIGHT - 8, "text-anchor": "end" }, "last layer"));
    found.forEach((profile, at) => {
      if (!profile) return;
      const [colour, dashes, shape] = LINES[at];
      const points = profile.values.map((value, place) => (value === null ? null
        : [toX(place, profile.values.length), toY(value), profile.names[place], value]));
      const path = points.filter(Boolean).map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L");
      parts.push(draw("path", { d: `M${path}`, class: "course", stroke: colour, "stroke-dasharray": dashes }));
      for (const point of points.filter(Boolean)) {
        const dot = marker({ colour, marker: shape }, point[0], point[1], 0.75);
        dot.append(draw("title", {}, `${data.models[models[at]].label}, ${point[2]}: ${number(point[3])}`));
        parts.push(dot);
      }
    });
    const name = data.benchmarks[benchmark];
    const what = found.find(Boolean).what;
    return make("figure", {}, draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
      "aria-label": `${name}: ${what} of each layer` }, ...parts),
    make("figcaption", {}, what === "score" ? name : `${name}: ${what}`));
  }

  function show() {
    const models = chosen();
    store();
    showTable(models);
    key.replaceChildren(...models.map((place, at) => make("li", {}, swatch(at), " ", data.models[place].label)));
    const figures = data.benchmarks.map((name, at) => figure(models, at)).filter(Boolean);
    layers.replaceChildren(...(figures.length ? figures
      : [make("p", { class: "note" }, "None of these models has scores of single layers here.")]));
  }

  form.hidden = false;
  form.addEventListener("change", show);
  window.addEventListener("hashchange", () => { restore(); show(); });
  restore();
  show();
})();
