(() => {
  const data = read("board-data");
  const table = document.getElementById("board");
  const form = document.getElementById("controls");
  const status = document.getElementById("count");
  const [VALUE, LOW, HIGH, ERROR, NORMALISED, CEILING, APPROXIMATE, RANK] = Array(8).keys();
  const ids = data.benchmarks.map((benchmark) => benchmark.id);
  const families = Object.keys(data.families);
  const usual = data.benchmarks.filter((benchmark) => benchmark.chosen).map((one) => one.id);
  const start = data.start || "model";
  const state = {};

  function restore() {
    const chosen = choices();
    const list = (name, known, otherwise) =>
      chosen.has(name) ? known.filter((one) => chosen.getAll(name).includes(one)) : otherwise;
    state.shown = new Set(list("show", ids, usual));
    state.families = new Set(list("family", families, families));
    state.query = chosen.get("q") || "";
    state.normalised = chosen.get("scale") === "normalised";
    state.published = chosen.get("published") !== "0";
    const [sort, direction] = (chosen.get("sort") || "").split(" ");
    state.ascending = direction === "ascending";
    state.sort = [...ids, "model", "family"].includes(sort) ? sort : start;
    state.ranked = ids.includes(state.sort) ? state.sort : (ids.includes(start) ? start : null);
    if (!chosen.has("sort")) state.ascending = state.sort === "model";
  }

  function store() {
    const chosen = new URLSearchParams();
    const same = (set, other) => set.size === other.length && other.every((one) => set.has(one));
    if (state.sort !== start || state.ascending !== (state.sort === "model")) {
      chosen.set("sort", `${state.sort} ${state.ascending ? "ascending" : "descending"}`);
    }
    if (state.query) chosen.set("q", state.query);
    if (state.normalised) chosen.set("scale", "normalised");
    if (!state.published) chosen.set("published", "0");
    for (const [name, set, all] of [["family", state.families, families], ["show", state.shown, usual]]) {
      if (same(set, all)) continue;
      // an empty choice is a choice too
      for (const one of set.size ? set : [""]) chosen.append(name, one);
    }
    remember(chosen);
  }

  function value(row, id) {
    const score = row.scores[id];
    if (!score) return null;
    return state.normalised ? score[NORMALISED] : score[VALUE];
  }

  function compared(one, other) {
    if (state.sort === "model" || state.sort === "family") {
      const key = state.sort === "model" ? "label" : "family";
      const order = one[key].localeCompare(other[key], "en", { numeric: true });
      return (state.ascending ? order : -order) || one.label.localeCompare(other.label);
    }
    const [left, right] = [value(one, state.sort), value(other, state.sort)];
    if (left === null || right === null) {
      return (left === null) - (right === null) || one.label.localeCompare(other.label);
    }
    return (state.ascending ? left - right : right - left) || one.label.localeCompare(other.label);
  }

  function visible(row) {
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    const text = `${row.label} ${row.model} ${row.family}`.toLowerCase();
    return state.families.has(row.family) && (state.published || !row.published)
      && words.every((word) => text.includes(word));
  }

  function bounds(score) {
    const by = state.normalised ? score[CEILING] : 1;
    return [score[LOW], score[HIGH]].map((one) => (one === null ? null : one / by));
  }

  /* The scale of a column takes in all its rows, so that filtering does not move the dots. */
  function scales() {
    const found = {};
    for (const id of state.shown) {
      const all = [];
      for (const row of data.rows) {
        const shown = value(row, id);
        if (shown !== null) all.push(shown, ...bounds(row.scores[id]).filter((one) => one !== null));
      }
      found[id] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    }
    return found;
  }

  function whisker(row, score, shown, [lowest, highest]) {
    const place = (one) => 6 + (76 * (one - lowest)) / (highest - lowest || 1);
    const [low, high] = bounds(score);
    return draw("svg", { class: "whisker", viewBox: "0 0 88 18", "aria-hidden": "true" },
      draw("line", { x1: 6, x2: 82, y1: 9, y2: 9, class: "axis" }),
      low === null || high === null ? null
        : draw("line", { x1: place(low), x2: place(high), y1: 9, y2: 9, class: "error" }),
      marker(data.families[row.family], place(shown), 9, 0.85));
  }

  function told(score, shown) {
    const [low, high] = bounds(score);
    const by = state.normalised ? score[CEILING] : 1;
    const parts = [number(shown, 4)];
    if (score[ERROR] !== null) parts.push(`± ${number(score[ERROR] / by, 4)}`);
    if (low !== null && high !== null) parts.push(`interval ${number(low)} to ${number(high)}`);
    if (score[CEILING] !== null && !state.normalised) parts.push(`ceiling ${number(score[CEILING])}`);
    if (score[APPROXIMATE]) parts.push("read off a figure, approximate");
    parts.push(`rank ${score[RANK]}`);
    return parts.join(", ");
  }

  function cell(row, id, scale) {
    const shown = value(row, id);
    const mark = { class: id === state.sort ? "sorted" : null };
    if (shown === null) {
      const why = row.scores[id] ? "no ceiling is known" : "not scored";
      return make("td", mark, make("span", { class: "cell" },
        make("span", { class: "figure quiet", title: why, "aria-label": why }, "–")));
    }
    const score = row.scores[id];
    return make("td", { ...mark, title: told(score, shown) }, make("span", { class: "cell" },
      make("span", { class: "figure" }, (score[APPROXIMATE] ? "≈ " : "") + number(shown)),
      whisker(row, score, shown, scale)));
  }

  function line(row, columns, scale) {
    const icon = draw("svg", { class: "icon", viewBox: "-7 -7 14 14", "aria-hidden": "true" },
      marker(data.families[row.family], 0, 0));
    const score = state.ranked ? row.scores[state.ranked] : null;
    return make("tr", {},
      make("th", { scope: "row" }, make("a", { href: row.href }, row.label),
        row.published ? " " : null,
        row.published ? make("span", { class: "chip" }, "published") : null),
      make("td", { class: "rank" }, score ? score[RANK] : "–"),
      make("td", { class: "family" }, icon, " ", row.family),
      ...columns.map((id) => cell(row, id, scale[id])));
  }

  function heading(key, text, extra) {
    const active = state.sort === key;
    const button = make("button", { type: "button", "data-sort": key }, text);
    button.addEventListener("click", () => {
      state.ascending = active ? !state.ascending : !ids.includes(key);
      state.sort = key;
      if (ids.includes(key)) state.ranked = key;
      show();
      [...table.querySelectorAll("[data-sort]")].find((one) => one.dataset.sort === key).focus();
    });
    const order = state.ascending ? "ascending" : "descending";
    return make("th", { scope: "col", "aria-sort": active ? order : null, ...extra }, button);
  }

  function show() {
    const columns = ids.filter((id) => state.shown.has(id));
    const scale = scales();
    const rows = data.rows.filter(visible).sort(compared);
    const rank = make("span", {}, "Rank");
    if (state.ranked) rank.title = `by ${state.ranked}; models within a range cannot be told apart`;
    table.tHead.replaceChildren(make("tr", {},
      heading("model", "Model", { class: "first" }),
      make("th", { scope: "col" }, rank),
      heading("family", "Family", { class: "family" }),
      ...columns.map((id) => heading(id, id))));
    const none = make("tr", {}, make("td", { colspan: columns.length + 3 }, "No model fits."));
    table.tBodies[0].replaceChildren(
      ...(rows.length ? rows.map((row) => line(row, columns, scale)) : [none]));
    const by = state.ranked ? `, ranks by ${state.ranked}` : "";
    status.textContent = `${rows.length} of ${data.rows.length} rows${by}`;
    store();
  }

  function fill() {
    form.elements.q.value = state.query;
    for (const input of form.querySelectorAll("input[name=family], input[name=show]")) {
      input.checked = (input.name === "show" ? state.shown : state.families).has(input.value);
    }
    for (const input of form.querySelectorAll("input[name=scale]")) {
      input.checked = (input.value === "normalised") === state.normalised;
    }
    if (form.elements.published) form.elements.published.checked = state.published;
  }

  function take() {
    const ticked = (name) => new Set(
      [...form.querySelectorAll(`input[name=${name}]:checked`)].map((input) => input.value));
    state.query = form.elements.q.value;
    state.families = ticked("family");
    state.shown = ticked("show");
    state.normalised = ticked("scale").has("normalised");
    if (form.elements.published) state.published = form.elements.published.checked;
    show();
  }

  function wire() {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", take);
    for (const button of form.querySelectorAll("button[data-tick]")) {
      button.addEventListener("click", () => {
        const [name, which] = button.dataset.tick.split(" ");
        for (const input of form.querySelectorAll(`input[name=${name}]`)) {
          input.checked = which === "all" || (which === "usual" && usual.includes(input.value));
        }
        take();
      });
    }
    document.addEventListener("keydown", (event) => {
      const open = form.querySelector("details[open]");
      if (event.key !== "Escape" || !open) return;
      open.open = false;
      open.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => {
      for (const menu of form.querySelectorAll("details[open]")) {
        if (!menu.contains(event.target)) menu.open = false;
      }
    });
    window.addEventListener("hashchange", () => { restore(); fill(); show(); });
  }

  restore();
  wire();
  fill();
  show();
})();
