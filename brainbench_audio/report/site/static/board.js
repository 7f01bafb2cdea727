/* What the files that are saved need of the view, see board_files.js. */
const board = (() => {
  const data = read("board-data");
  const table = document.getElementById("board");
  const form = document.getElementById("controls");
  const status = document.getElementById("count");
  const [VALUE, LOW, HIGH, ERROR, NORMALISED, CEILING, READING, PUBLISHED, DIGITS, PLACE, FIRST, LAST,
    LETTER, REACHABLE] = Array(14).keys();
  const LEVELS = 8;
  const ids = data.columns.map((column) => column.id);
  const families = Object.keys(data.families);
  const usual = ids.filter((id, place) => data.columns[place].chosen);
  const WORDS = ["q", "data", "size", "learning", "licence"];
  const TICKS = { measured: true, published: true, controls: false };
  const state = {};

  function restore() {
    const chosen = choices();
    const list = (name, known, otherwise) =>
      chosen.has(name) ? known.filter((one) => chosen.getAll(name).includes(one)) : otherwise;
    state.shown = new Set(list("show", ids, usual));
    state.families = new Set(list("family", families, families));
    for (const name of WORDS) state[name] = chosen.get(name) || "";
    for (const [name, tick] of Object.entries(TICKS)) {
      state[name] = form.elements[name] && chosen.has(name) ? chosen.get(name) === "1" : tick;
    }
    state.normalised = chosen.get("scale") === "normalised";
    const words = (chosen.get("sort") || "").split(" ");
    const direction = words.pop();
    state.sort = words.join(" ");
    if (![...ids, "model"].includes(state.sort)) state.sort = data.start;
    state.ascending = chosen.has("sort") ? direction === "ascending" : state.sort === "model";
    settle();
  }

  /* What is not seen does not sort. */
  function settle() {
    if (state.sort === "model" || state.shown.has(state.sort)) return;
    state.sort = state.shown.has(data.start) ? data.start : ids.find((id) => state.shown.has(id)) || "model";
    state.ascending = state.sort === "model";
  }

  function store() {
    const chosen = new URLSearchParams();
    const same = (set, other) => set.size === other.length && other.every((one) => set.has(one));
    if (state.sort !== data.start || state.ascending !== (state.sort === "model")) {
      chosen.set("sort", `${state.sort} ${state.ascending ? "ascending" : "descending"}`);
    }
    for (const name of WORDS) if (state[name]) chosen.set(name, state[name]);
    for (const [name, tick] of Object.entries(TICKS)) {
      if (state[name] !== tick) chosen.set(name, state[name] ? "1" : "0");
    }
    if (state.normalised) chosen.set("scale", "normalised");
    for (const [name, set, all] of [["family", state.families, families], ["show", state.shown, usual]]) {
      if (same(set, all)) continue;
      // an empty choice is a choice too
      for (const one of set.size ? set : [""]) chosen.append(name, one);
    }
    remember(chosen);
  }

  /* Of a measured and a published score the first whose kind is ticked. */
  function scoreOf(row, place) {
    return (row.scores[place] || [])
      .find((score) => (score[PUBLISHED] ? state.published : state.measured)) || null;
  }

  function value(row, place) {
    const score = scoreOf(row, place);
    return score && (state.normalised ? score[NORMALISED] : score[VALUE]);
  }

  function compared(one, other) {
    const named = one.label.localeCompare(other.label, "en", { numeric: true });
    if (state.sort === "model") return state.ascending ? named : -named;
    const place = ids.indexOf(state.sort);
    const [left, right] = [value(one, place), value(other, place)];
    if (left === null || right === null) return (left === null) - (right === null) || named;
    return (state.ascending ? left - right : right - left) || named;
  }

  function within(parameters) {
    if (!state.size) return true;
    const [low, high] = state.size.split("-").map(Number);
    return parameters !== null && parameters >= low && (!high || parameters < high);
  }

  function visible(row) {
    const holds = (text, words) =>
      words.toLowerCase().split(/\s+/).filter(Boolean).every((word) => text.toLowerCase().includes(word));
    const kinds = row.scores.flatMap((scores) => scores || [])
      .some((score) => (score[PUBLISHED] ? state.published : state.measured));
    return state.families.has(row.family) && (state.controls || !row.control) && kinds
      && holds(`${row.label} ${row.model} ${row.family}`, state.q) && holds(row.data, state.data)
      && within(row.parameters) && (!state.licence || row.licence === state.licence)
      && (!state.learning || row.learning.split(", ").some((one) => one.replace("then ", "") === state.learning));
  }

  function bounds(score) {
    const by = state.normalised ? score[REACHABLE] : 1;
    const reading = score[READING];
    const read = score[LOW] === null && reading !== null;
    const ends = read ? [score[VALUE] - reading, score[VALUE] + reading] : [score[LOW], score[HIGH]];
    return [...ends.map((one) => (one === null || !by ? null : one / by)), read];
  }

  /* The scale of a column takes in all its rows, so that filtering does not change the shades. */
  function scaleOf(place) {
    const all = [];
    for (const row of data.rows) {
      const shown = value(row, place);
      if (shown !== null) {
        all.push(shown, ...bounds(scoreOf(row, place)).slice(0, 2).filter((one) => one !== null));
      }
    }
    return all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
  }

  function whisker(score, shown, [lowest, highest]) {
    const place = (one) => (3 + (94 * (one - lowest)) / (highest - lowest || 1)).toFixed(1);
    const [low, high, read] = bounds(score);
    return draw("svg", { class: "whisker", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
      low === null || high === null ? null
        : draw("line", { x1: place(low), x2: place(high), y1: 3, y2: 3, class: read ? "error read" : "error" }),
      draw("line", { x1: place(shown), x2: place(shown), y1: 0, y2: 6, class: "tick" }));
  }

  function told(score, shown) {
    const [low, high, read] = bounds(score);
    const by = state.normalised ? score[REACHABLE] : 1;
    const parts = [number(shown, score[DIGITS])];
    if (score[ERROR] !== null && by) parts.push(`± ${number(score[ERROR] / by, 4)}`);
    if (low !== null && high !== null) {
      parts.push(`${read ? "as the figure is read, " : "interval "}${number(low)} to ${number(high)}`);
    }
    if (score[CEILING] !== null && !state.normalised) parts.push(`ceiling ${number(score[CEILING])}`);
    parts.push(score[PUBLISHED] ? "published" : "measured");
    if (score[PLACE] !== null) parts.push(`rank ${rankText(score)}`);
    return parts.join(", ");
  }

  function rankText(score) {
    if (!score || score[PLACE] === null) return "–";
    const range = score[FIRST] === null || score[FIRST] === score[LAST] ? "" : ` (${score[FIRST]}–${score[LAST]})`;
    return `${score[PLACE]}${range}`;
  }

  function cell(row, place, scale) {
    const shown = value(row, place);
    const sorted = ids[place] === state.sort ? "sorted" : "";
    if (shown === null) {
      const why = scoreOf(row, place) ? "no ceiling is known" : "not scored";
      return make("td", { class: sorted }, make("span", { class: "quiet", role: "img", title: why, "aria-label": why }, "–"));
    }
    const score = scoreOf(row, place);
    const [lowest, highest] = scale;
    const level = Math.round((LEVELS * (shown - lowest)) / (highest - lowest || 1));
    const names = [`heat-${level}`, sorted, score[PUBLISHED] ? "printed" : ""].filter(Boolean).join(" ");
    return make("td", { class: names, title: told(score, shown) },
      number(shown, score[DIGITS]), whisker(score, shown, scale));
  }

  function rankCell(row, ranked) {
    const score = ranked < 0 ? null : scoreOf(row, ranked);
    const letter = score && score[PLACE] !== null ? score[LETTER] : "";
    const [place, range] = rankText(score).split(" ");
    const why = letter ? `models with ${letter} do not differ from the best of them` : null;
    return make("td", { class: "rank" }, place,
      range ? make("span", { class: "range" }, ` ${range}`) : null,
      letter ? make("span", { class: "letter", title: why }, ` ${letter}`) : null);
  }

  function line(row, columns, scales, ranked) {
    const icon = draw("svg", { class: "icon", viewBox: "-7 -7 14 14", "aria-hidden": "true" },
      marker(data.families[row.family], 0, 0));
    return make("tr", {}, rankCell(row, ranked),
      make("th", { scope: "row", title: `${row.model}, family ${row.family}` }, icon, " ",
        make("a", { href: row.href }, row.label),
        row.control ? " " : null, row.control ? make("span", { class: "chip" }, "control") : null),
      ...columns.map((place) => cell(row, place, scales[place])));
  }

  function heading(key, text, extra) {
    const active = state.sort === key;
    const button = make("button", { type: "button", "data-sort": key, title: key === text ? null : key }, text);
    button.addEventListener("click", () => {
      state.ascending = active ? !state.ascending : key === "model";
      state.sort = key;
      show();
      [...table.querySelectorAll("[data-sort]")].find((one) => one.dataset.sort === key).focus();
    });
    const order = state.ascending ? "ascending" : "descending";
    return make("th", { scope: "col", "aria-sort": active ? order : null, ...extra }, button);
  }

  function groupHeads(columns) {
    const counts = new Map();
    for (const place of columns) {
      const group = data.columns[place].group;
      counts.set(group, (counts.get(group) || 0) + 1);
    }
    return [...counts].map(([group, count]) => make("th", { scope: "colgroup", colspan: count, class: "group" },
      make("span", {}, data.groups[group].title),
      make("small", { title: data.groups[group].sentence }, data.groups[group].sentence)));
  }

  function rows() {
    return data.rows.filter(visible).sort(compared);
  }

  function columns() {
    return ids.map((id, place) => place).filter((place) => state.shown.has(ids[place]));
  }

  function show() {
    settle();
    const [shown, found] = [columns(), rows()];
    const by = state.sort === "model" ? data.start : state.sort;
    const ranked = state.shown.has(by) ? ids.indexOf(by) : -1;
    const scales = Object.fromEntries(shown.map((place) => [place, scaleOf(place)]));
    table.tHead.replaceChildren(
      make("tr", { class: "groups" }, make("td", { class: "rank" }), make("td", { class: "first" }),
        ...groupHeads(shown)),
      make("tr", {}, make("th", { scope: "col", class: "rank" }, make("span", {}, "Rank")),
        heading("model", "Model", { class: "first" }),
        ...shown.map((place) => heading(ids[place], data.columns[place].label))));
    const none = make("tr", {}, make("td", { colspan: shown.length + 2 }, "No model fits."));
    table.tBodies[0].replaceChildren(
      ...(found.length ? found.map((row) => line(row, shown, scales, ranked)) : [none]));
    const all = data.rows.filter((row) => state.controls || !row.control).length;
    status.textContent = `${found.length} of ${all} models${ranked < 0 ? "" : `, ranks by ${ids[ranked]}`}`;
    store();
    table.dispatchEvent(new Event("shown"));
  }

  function fill() {
    for (const name of WORDS) form.elements[name].value = state[name];
    for (const name of Object.keys(TICKS)) {
      if (form.elements[name]) form.elements[name].checked = state[name];
    }
    for (const input of form.querySelectorAll("input[name=family], input[name=show]")) {
      input.checked = (input.name === "show" ? state.shown : state.families).has(input.value);
    }
    for (const input of form.querySelectorAll("input[name=scale]")) {
      input.checked = (input.value === "normalised") === state.normalised;
    }
  }

  function take() {
    const ticked = (name) => new Set(
      [...form.querySelectorAll(`input[name=${name}]:checked`)].map((input) => input.value));
    for (const name of WORDS) state[name] = form.elements[name].value;
    for (const name of Object.keys(TICKS)) {
      if (form.elements[name]) state[name] = form.elements[name].checked;
    }
    state.families = ticked("family");
    state.shown = ticked("show");
    state.normalised = ticked("scale").has("normalised");
    show();
  }

  /* A menu that starts far to the right is moved to the left. */
  function keepInside(panel) {
    panel.style.left = "";
    const over = panel.getBoundingClientRect().right - document.documentElement.clientWidth + 12;
    if (over > 0) panel.style.left = `${-over}px`;
  }

  function wire() {
    form.hidden = false;
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
    for (const menu of form.querySelectorAll("details.menu")) {
      menu.addEventListener("toggle", () => keepInside(menu.querySelector("div")));
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
  const numbers = (row, place) => {
    const score = scoreOf(row, place);
    if (!score) return null;
    return { value: score[VALUE], error: score[ERROR], low: score[LOW], high: score[HIGH],
      ceiling: score[CEILING], normalised: score[NORMALISED], reading_error: score[READING],
      published: Boolean(score[PUBLISHED]), rank: score[PLACE] };
  };
  return { data, table, form, ids, rows, columns, numbers };
})();
