/* Responses against predictions, and what a score owes to sounds: the worst first. */
const wrong = (() => {
  const section = document.getElementById("wrong");
  const owedSection = document.getElementById("owed");
  const box = document.getElementById("dots");
  const tip = document.getElementById("tip");
  const fitted = document.getElementById("fitted");
  const legend = document.getElementById("categories");
  const table = document.getElementById("wrong-table");
  const [LEFT, RIGHT, TOP, BOTTOM, HEIGHT] = [66, 12, 10, 44, 380];
  // lines differ in colour and marker, as categories can be many
  const COLOURS = ["#0072B2", "#D55E00", "#008F68", "#C2527A", "#8A6D00", "#AA4499", "#6B7680"];
  const SHAPE_NAMES = Object.keys(SHAPES);

  function looks(categories) {
    const names = [...new Set(categories)];
    return new Map(names.map((name, place) => [name,
      { colour: COLOURS[place % COLOURS.length], marker: SHAPE_NAMES[place % SHAPE_NAMES.length] }]));
  }

  /* How far each response is off the line of least squares, in deviations of the response. As ridge
     scores it, predictions that run against responses explain nothing: the line is level then. */
  function residuals(measured, predicted) {
    const known = measured.map((one, place) => place)
      .filter((place) => measured[place] !== null && predicted[place] !== null);
    const mean = (values) => known.reduce((sum, place) => sum + values[place], 0) / known.length;
    const [y, x] = [mean(measured), mean(predicted)];
    const sum = (one, other) => known.reduce((all, place) => all + one(place) * other(place), 0);
    const [dx, dy] = [(place) => predicted[place] - x, (place) => measured[place] - y];
    const [xx, yy, xy] = [sum(dx, dx), sum(dy, dy), sum(dx, dy)];
    const slope = xx && xy > 0 ? xy / xx : 0;
    const spread = Math.sqrt(yy / known.length) || 1;
    const line = (at) => y + slope * (at - x);
    return { line, known, against: xy < 0, share: yy ? (slope * xy) / yy : 0,
      off: measured.map((one, place) => (known.includes(place) ? (one - line(predicted[place])) / spread : null)) };
  }

  function steps(low, high) {
    const raw = (high - low) / 5 || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
    const found = [];
    for (let n = Math.ceil(low / step); n * step <= high + 1e-9; n += 1) found.push(n * step);
    return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
  }

  function ends(values) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low || 1) * 0.05;
    return [low - room, high + room];
  }

  function axes(xs, ys, toX, toY, width) {
    const [across, acrossDigits] = steps(...xs);
    const [up, upDigits] = steps(...ys);
    return [
      ...across.flatMap((one) => [
        draw("line", { x1: toX(one), x2: toX(one), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }),
        draw("text", { x: toX(one), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, number(one, acrossDigits))]),
      ...up.flatMap((one) => [
        draw("line", { x1: LEFT, x2: width - RIGHT, y1: toY(one), y2: toY(one), class: "grid" }),
        draw("text", { x: LEFT - 6, y: toY(one) + 4, "text-anchor": "end" }, number(one, upDigits))]),
      draw("text", { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 8, "text-anchor": "middle", class: "strong" }, "Prediction"),
      draw("text", { transform: `translate(12 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle",
        class: "strong" }, "Response"),
    ];
  }

  function point(one, x, y, look) {
    const dot = draw("g", { class: "point" }, marker(look, x, y, 0.85), draw("circle", { cx: x, cy: y, r: 9, class: "ring", "pointer-events": "all" }));
    dot.addEventListener("mouseenter", () => mark(one, true));
    dot.addEventListener("mouseleave", () => mark(one, false));
    dot.addEventListener("click", () => clips.play(one.place));
    return dot;
  }

  let parts = new Map();
  let digits = 3;
  function mark(one, on) {
    const { dot, row } = parts.get(one.place);
    for (const each of [dot, row]) each.classList.toggle("marked", on);
    tip.hidden = !on;
    if (!on) return;
    tip.replaceChildren(make("strong", {}, one.name), make("div", { class: "quiet" }, one.category),
      make("div", {}, `response ${number(one.measured, digits)}, prediction ${number(one.predicted, digits)}`));
    const [inside, outside] = [dot.getBoundingClientRect(), box.getBoundingClientRect()];
    const x = inside.left + inside.width / 2 - outside.left - tip.offsetWidth / 2;
    const y = inside.top - outside.top - tip.offsetHeight - 4;
    tip.style.left = `${Math.min(Math.max(x, 0), outside.width - tip.offsetWidth)}px`;
    tip.style.top = `${y >= 0 ? y : inside.bottom - outside.top + 4}px`;
  }

  function filled(target, head, rows) {
    target.replaceChildren(
      make("thead", {}, make("tr", {}, ...head.map((name, place) =>
        make("th", { scope: "col", class: place > 1 ? "number" : null }, name)))),
      make("tbody", {}, ...rows));
  }

  function line(place, name, category, values) {
    return make("tr", {}, make("th", { scope: "row" }, name, clips.button(place, name)), make("td", {}, category || "–"),
      ...values.map((value) => make("td", { class: "number" }, value)));
  }

  /* Mean response and prediction of each category, which says what a component prefers. */
  function showCategories(found, look) {
    const groups = [...look].map(([name, one]) => {
      const sounds = found.filter((sound) => sound.category === name);
      const mean = (side) => sounds.reduce((sum, sound) => sum + sound[side], 0) / sounds.length;
      return { name, one, count: sounds.length, measured: mean("measured"), predicted: mean("predicted") };
    }).filter((group) => group.count).sort((one, other) => other.measured - one.measured);
    document.getElementById("by-category").hidden = groups.length < 2;
    const [low, high] = ends(groups.flatMap((group) => [group.measured, group.predicted]));
    const place = (value) => 10 + (260 * (value - low)) / (high - low);
    const rows = groups.map((group) => {
      const label = `response ${number(group.measured, digits)}, prediction ${number(group.predicted, digits)}`;
      const [x, to] = [place(group.measured), place(group.predicted)];
      return make("tr", {}, make("th", { scope: "row" }, group.name),
        make("td", {}, draw("svg", { class: "dots", viewBox: "0 0 280 22", role: "img", "aria-label": label },
          draw("line", { x1: x, x2: to, y1: 11, y2: 11, class: "error" }),
          marker(group.one, to, 11, 1, true), marker(group.one, x, 11, 1))),
        ...[group.measured, group.predicted].map((value) => make("td", { class: "number" }, number(value, digits))),
        make("td", { class: "number" }, String(group.count)));
    });
    filled(document.getElementById("category-table"),
      ["Category", "Means", "Response", "Prediction", "Sounds"], rows);
  }

  function showPredictions(benchmark, set, target) {
    section.hidden = !benchmark.targets.length;
    if (section.hidden) return;
    const [measured, predicted] = [benchmark.measured[target], benchmark.predicted[target]];
    const fit = residuals(measured, predicted);
    section.hidden = !fit.known.length;
    if (section.hidden) return;
    const look = looks(set.categories);
    const width = Math.max(box.clientWidth, 240);
    const [xs, ys] = [predicted, measured].map((values) => ends(fit.known.map((place) => values[place])));
    digits = steps(...ys)[1] + 2;
    const toX = (one) => LEFT + ((width - LEFT - RIGHT) * (one - xs[0])) / (xs[1] - xs[0]);
    const toY = (one) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (one - ys[0])) / (ys[1] - ys[0]);
    const found = fit.known.map((place) => ({ place, name: set.names[place], category: set.categories[place],
      measured: measured[place], predicted: predicted[place], off: fit.off[place] }))
      .sort((one, other) => Math.abs(other.off) - Math.abs(one.off));
    parts = new Map(found.map((one) => {
      const row = line(one.place, one.name, one.category, [`${one.off > 0 ? "+" : ""}${number(one.off, 2)}`,
        number(one.measured, digits), number(one.predicted, digits)]);
      row.addEventListener("mouseenter", () => mark(one, true));
      row.addEventListener("mouseleave", () => mark(one, false));
      return [one.place, { row, dot: point(one, toX(one.predicted), toY(one.measured), look.get(one.category)) }];
    }));
    const clip = (value) => Math.min(Math.max(toY(value), TOP), HEIGHT - BOTTOM);
    const old = box.querySelector("svg");
    if (old) old.remove();
    box.prepend(draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
      "aria-label": `Responses and predictions of ${benchmark.targets[target]}; the table below has the numbers` },
    ...axes(xs, ys, toX, toY, width),
    draw("path", { class: "fit", d: `M${toX(xs[0])},${clip(fit.line(xs[0]))}L${toX(xs[1])},${clip(fit.line(xs[1]))}` }),
    ...[...parts.values()].map(({ dot }) => dot)));
    fitted.textContent = `${benchmark.targets[target]}: r² = ${number(fit.share)}, ${found.length} sounds`
      + (fit.against ? "; predictions run the wrong way and explain nothing" : "");
    legend.replaceChildren(...[...look].filter(([name]) => name).map(([name, one]) => make("li", {},
      draw("svg", { class: "icon", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, marker(one, 0, 0)), ` ${name}`)));
    showCategories(found, look);
    filled(table, ["Sound", "Category", "Off", "Response", "Prediction"], [...parts.values()].map(({ row }) => row));
  }

  function showOwed(benchmark, set) {
    owedSection.hidden = benchmark.owed === null;
    if (owedSection.hidden) return;
    const found = benchmark.owed.map((owed, place) => [owed, place])
      .filter(([owed]) => owed !== null).sort(([one], [other]) => one - other);
    filled(document.getElementById("owed-table"), ["Sound", "Category", "Owed"], found.map(([owed, place]) =>
      line(place, set.names[place], set.categories[place], [`${owed > 0 ? "+" : ""}${number(owed, 5)}`])));
  }

  function show(benchmark, set, target) {
    showPredictions(benchmark, set, target);
    showOwed(benchmark, set);
  }

  return { show };
})();
