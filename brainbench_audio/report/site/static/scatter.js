(() => {
  const data = read("scatter-data");
  const box = document.getElementById("plot");
  const tip = document.getElementById("tip");
  const line = document.getElementById("relation");
  const [across, up] = ["x", "y"].map((name) => document.getElementById(`axis-${name}`));
  const all = document.getElementById("subset");
  const [LEFT, RIGHT, TOP, BOTTOM] = [58, 16, 16, 52];
  const FAR_OFF = 2;
  let [WIDTH, HEIGHT] = [720, 480];
  let points = [];

  function restore() {
    const chosen = choices();
    for (const [name, select] of [["x", across], ["y", up]]) {
      const wanted = chosen.get(name);
      if (wanted && [...select.options].some((one) => one.value === wanted)) select.value = wanted;
      else select.value = data.start[name];
    }
    all.checked = chosen.get("subset") === "1";
  }

  function store() {
    const chosen = new URLSearchParams();
    if (across.value !== data.start.x) chosen.set("x", across.value);
    if (up.value !== data.start.y) chosen.set("y", up.value);
    if (all.checked) chosen.set("subset", "1");
    remember(chosen);
  }

  function steps(lowest, highest) {
    const raw = (highest - lowest) / 5 || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
    const found = [];
    for (let n = Math.ceil(lowest / step); n * step <= highest + 1e-9; n += 1) found.push(n * step);
    return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
  }

  function range(values) {
    const [lowest, highest] = [Math.min(...values), Math.max(...values)];
    const room = (highest - lowest || 1) * 0.06;
    return [lowest - room, highest + room];
  }

  function chosenRows() {
    return data.rows.filter((row) => row.values[across.value] !== undefined
      && row.values[up.value] !== undefined && (!all.checked || row.subset))
      .sort((one, other) => one.values[across.value] - other.values[across.value]);
  }

  function related() {
    const [one, other] = [across, up].map((select) => data.related.indexOf(select.value));
    const found = data.relations.find(([x, y, subset]) => subset === Number(all.checked)
      && ((x === one && y === other) || (x === other && y === one)));
    if (!found) return null;
    const [, , , r, p, low, high, n] = found;
    return { r, p, interval: [low, high], n, t: data.t[n] };
  }

  function relation() {
    const [x, y] = [across.value, up.value];
    const found = related();
    if (x === y) return `${x} on both axes: choose another benchmark for one of them.`;
    if (!found || found.r === null) return `${x} and ${y}: too few models for a correlation.`;
    const p = found.p === null ? "" : found.p < 0.001 ? ", p < 0.001" : `, p = ${found.p.toFixed(3)}`;
    const interval = found.interval
      ? ` (95 % interval ${number(found.interval[0], 2)} to ${number(found.interval[1], 2)})` : "";
    return `Pearson r = ${number(found.r)}${interval}${p}, ${found.n} models`;
  }

  /* Sizes are logarithms, and shown as counts. */
  function count(logarithm) {
    const parameters = 10 ** logarithm;
    const [by, sign] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]].find(([one]) => parameters >= one * 0.999) || [1, ""];
    return `${Number((parameters / by).toPrecision(3))}${sign ? ` ${sign}` : ""}`;
  }

  function sizeSteps(lowest, highest) {
    const found = [];
    for (let power = Math.floor(lowest); power <= highest; power += 1) {
      for (const one of highest - lowest > 2 ? [1] : [1, 3]) found.push(power + Math.log10(one));
    }
    return found.filter((one) => one >= lowest && one <= highest);
  }

  function axis(id, lowest, highest) {
    if (id === data.parameters) return [sizeSteps(lowest, highest), count];
    const [found, digits] = steps(lowest, highest);
    return [found, (one) => number(one, digits)];
  }

  function frame(toX, toY, ranges) {
    const parts = [];
    const [acrossSteps, acrossText] = axis(across.value, ...ranges[0]);
    const [upSteps, upDigits] = steps(...ranges[1]);
    for (const one of acrossSteps) {
      parts.push(draw("line", { x1: toX(one), x2: toX(one), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }),
        draw("text", { x: toX(one), y: HEIGHT - BOTTOM + 20, "text-anchor": "middle" },
          acrossText(one)));
    }
    for (const one of upSteps) {
      parts.push(draw("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: toY(one), y2: toY(one), class: "grid" }),
        draw("text", { x: LEFT - 8, y: toY(one) + 4, "text-anchor": "end" }, number(one, upDigits)));
    }
    parts.push(draw("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 10, "text-anchor": "middle",
      class: "strong" }, across.value === data.parameters ? "parameters, logarithmic" : across.value));
    parts.push(draw("text", { transform: `translate(15 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`,
      "text-anchor": "middle", class: "strong" }, up.value));
    return parts;
  }

  /* Line of least squares, the interval of its height, and how far each row is off, in deviations. */
  function fitOf(rows) {
    const found = related();
    if (!found || found.r === null || rows.length < 3) return null;
    const pairs = rows.map((row) => [row.values[across.value], row.values[up.value]]);
    const mean = [0, 1].map((side) => pairs.reduce((sum, pair) => sum + pair[side], 0) / pairs.length);
    const sum = (one, other) => pairs.reduce((all, pair) =>
      all + (pair[one] - mean[one]) * (pair[other] - mean[other]), 0);
    const [square, slope] = [sum(0, 0), sum(0, 1) / sum(0, 0)];
    const height = (x) => mean[1] + slope * (x - mean[0]);
    const off = pairs.map(([x, y]) => y - height(x));
    const spread = Math.sqrt(off.reduce((all, one) => all + one * one, 0) / (pairs.length - 2));
    const half = (x) => found.t * spread * Math.sqrt(1 / pairs.length + (x - mean[0]) ** 2 / square);
    return { height, half, off: off.map((one) => (spread ? one / spread : 0)) };
  }

  function fitMarks(fit, ranges, toX, toY) {
    if (!fit) return [];
    const steps = Array.from({ length: 41 }, (_, place) => ranges[0][0] + ((ranges[0][1] - ranges[0][0]) * place) / 40);
    const within = (y) => Math.min(Math.max(toY(y), TOP), HEIGHT - BOTTOM).toFixed(1);
    const edge = (sign) => steps.map((x) => `${toX(x).toFixed(1)},${within(fit.height(x) + sign * fit.half(x))}`);
    const course = steps.map((x) => `${toX(x).toFixed(1)},${within(fit.height(x))}`);
    return [draw("path", { d: `M${[...edge(1), ...edge(-1).reverse()].join("L")}z`, class: "band" }),
      draw("path", { d: `M${course.join("L")}`, class: "fit" })];
  }

  function errorBars(rows, toX, toY) {
    return rows.flatMap((row) => {
      const [x, y] = [toX(row.values[across.value]), toY(row.values[up.value])];
      const [sides, ends] = [row.bounds[across.value], row.bounds[up.value]];
      return [sides && draw("line", { x1: toX(sides[0]), x2: toX(sides[1]), y1: y, y2: y, class: "error" }),
        ends && draw("line", { x1: x, x2: x, y1: toY(ends[0]), y2: toY(ends[1]), class: "error" })].filter(Boolean);
    });
  }

  /* Rows that are far off the line are named. */
  function outliers(fit, rows, toX, toY) {
    if (!fit) return [];
    return rows.flatMap((row, place) => {
      if (Math.abs(fit.off[place]) < FAR_OFF) return [];
      const x = toX(row.values[across.value]);
      const left = x > WIDTH / 2;
      return [draw("text", { x: x + (left ? -9 : 9), y: toY(row.values[up.value]) + 4,
        "text-anchor": left ? "end" : "start", class: "outlier" }, row.label)];
    });
  }

  function told(row, id) {
    if (id === data.parameters) return `${count(row.values[id])} parameters`;
    return `${id} ${number(row.values[id], row.digits[id])}${row.published.includes(id) ? " (published)" : ""}`;
  }

  function reveal(point, row) {
    tip.replaceChildren(make("strong", {}, row.label), make("div", {}, told(row, across.value)),
      make("div", {}, told(row, up.value)), make("div", { class: "quiet" }, row.family));
    tip.hidden = false;
    const [inside, outside] = [point.getBoundingClientRect(), box.getBoundingClientRect()];
    const x = inside.left + inside.width / 2 - outside.left;
    const y = inside.top - outside.top;
    const left = Math.min(Math.max(x - tip.offsetWidth / 2, 0), outside.width - tip.offsetWidth);
    const above = y - tip.offsetHeight - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above >= 0 ? above : y + inside.height + 6}px`;
  }

  function conceal() {
    tip.hidden = true;
  }

  function pointOf(row, x, y) {
    const name = `${row.label}: ${told(row, across.value)}, ${told(row, up.value)}`;
    const point = draw("g", { class: "point", role: "img", tabindex: "-1", "aria-label": name },
      marker(data.families[row.family], x, y, 1.15, row.published.some((id) => id === across.value || id === up.value)),
      draw("circle", { cx: x, cy: y, r: 11, class: "ring", "pointer-events": "all" }));
    point.addEventListener("mouseenter", () => reveal(point, row));
    point.addEventListener("mouseleave", conceal);
    point.addEventListener("focus", () => reveal(point, row));
    point.addEventListener("blur", conceal);
    point.addEventListener("click", () => { location.href = row.href; });
    return point;
  }

  /* One stop of the tab key; arrows walk from left to right. */
  function walk(event) {
    const here = points.indexOf(document.activeElement);
    const next = { ArrowRight: here + 1, ArrowUp: here + 1, ArrowLeft: here - 1, ArrowDown: here - 1,
      Home: 0, End: points.length - 1 }[event.key];
    if (here < 0) return;
    if (event.key === "Enter") points[here].dispatchEvent(new MouseEvent("click"));
    if (event.key === "Escape") conceal();
    if (next === undefined) return;
    event.preventDefault();
    const target = points[Math.min(Math.max(next, 0), points.length - 1)];
    points[here].setAttribute("tabindex", "-1");
    target.setAttribute("tabindex", "0");
    target.focus();
  }

  function show() {
    conceal();
    // drawn at the size it is shown in, so that letters stay letters on a phone
    WIDTH = Math.max(box.clientWidth, 240);
    HEIGHT = Math.round(Math.min(480, Math.max(320, WIDTH * 0.7)));
    const rows = chosenRows();
    const old = box.querySelector("svg");
    if (old) old.remove();
    line.textContent = relation();
    points = [];
    store();
    box.dispatchEvent(new Event("shown"));
    if (!rows.length) return;
    const ranges = [across.value, up.value].map((id) =>
      range(rows.flatMap((row) => [row.values[id], ...(row.bounds[id] || [])])));
    const toX = (one) => LEFT + ((WIDTH - LEFT - RIGHT) * (one - ranges[0][0])) / (ranges[0][1] - ranges[0][0]);
    const toY = (one) => HEIGHT - BOTTOM
      - ((HEIGHT - TOP - BOTTOM) * (one - ranges[1][0])) / (ranges[1][1] - ranges[1][0]);
    points = rows.map((row) => pointOf(row, toX(row.values[across.value]), toY(row.values[up.value])));
    points[0].setAttribute("tabindex", "0");
    const fit = fitOf(rows);
    box.prepend(draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group",
      "aria-label": `${across.value} and ${up.value} of ${rows.length} models; arrow keys walk along` },
    ...frame(toX, toY, ranges), ...fitMarks(fit, ranges, toX, toY), ...errorBars(rows, toX, toY),
    ...outliers(fit, rows, toX, toY), ...points));
  }

  box.addEventListener("keydown", walk);
  for (const input of [across, up, all]) input.addEventListener("change", show);
  window.addEventListener("hashchange", () => { restore(); show(); });
  window.addEventListener("resize", () => { if (box.clientWidth !== WIDTH) show(); });
  document.getElementById("axes").hidden = false;
  restore();
  show();
})();
