/* Two matrices of distances of the same sounds, with one cross over both. */
const alike = (() => {
  const section = document.getElementById("alike");
  const frame = document.getElementById("matrices");
  const told = document.getElementById("told");
  const scales = document.getElementById("scales");
  const SIDES = ["model", "brain"];
  // cividis, light where two sounds are alike
  const STOPS = [[255, 234, 70], [188, 175, 111], [124, 123, 120], [65, 77, 107], [0, 32, 77]];
  let shown = null;
  let here = [0, 1];

  function colour(shade) {
    const at = (shade / 255) * (STOPS.length - 1);
    const low = Math.min(Math.floor(at), STOPS.length - 2);
    return STOPS[low].map((one, channel) => Math.round(one + (at - low) * (STOPS[low + 1][channel] - one)));
  }

  function square(text, size) {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const values = new Int16Array(size * size).fill(-1);
    let place = 0;
    for (let row = 0; row < size; row += 1) {
      for (let column = row + 1; column < size; column += 1, place += 1) {
        values[row * size + column] = bytes[place];
        values[column * size + row] = bytes[place];
      }
    }
    return values;
  }

  function paint(side, values, size) {
    const canvas = document.getElementById(`${side}-matrix`);
    [canvas.width, canvas.height] = [size, size];
    const image = new ImageData(size, size);
    values.forEach((shade, place) => {
      // nothing was measured on the diagonal
      const [red, green, blue] = shade < 0 ? [128, 128, 128] : colour(shade);
      image.data.set([red, green, blue, shade < 0 ? 0 : 255], place * 4);
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /* Where one category ends and the next begins. */
  function edges(categories) {
    return categories.map((one, place) => place).filter((place) => place && categories[place] !== categories[place - 1]);
  }

  function cross() {
    const size = shown.names.length;
    for (const side of SIDES) {
      const svg = document.getElementById(`${side}-cross`);
      svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
      svg.replaceChildren(
        ...edges(shown.categories).flatMap((at) => [
          draw("line", { x1: 0, x2: size, y1: at, y2: at, class: "edge" }),
          draw("line", { x1: at, x2: at, y1: 0, y2: size, class: "edge" })]),
        draw("rect", { x: 0, y: here[0], width: size, height: 1, class: "beam" }),
        draw("rect", { x: here[1], y: 0, width: 1, height: size, class: "beam" }));
    }
  }

  function named(place) {
    const category = shown.categories[place];
    const name = shown.names[place];
    return make("span", {}, make("strong", {}, name), category ? ` (${category})` : "", clips.button(place, name));
  }

  function valueOf(side) {
    const shade = shown.values[side][here[0] * shown.names.length + here[1]];
    const { low, high } = shown.matrices[side];
    return shade < 0 ? "–" : number(low + (shade / 255) * (high - low), 2);
  }

  function tell() {
    cross();
    told.replaceChildren(named(here[0]), " and ", named(here[1]), `: model ${valueOf(0)}, brain ${valueOf(1)}`);
  }

  function point(event) {
    const canvas = event.target.closest(".matrix");
    if (!canvas || !shown) return;
    const box = canvas.getBoundingClientRect();
    const size = shown.names.length;
    const place = (at, length) => Math.min(Math.max(Math.floor((at / length) * size), 0), size - 1);
    here = [place(event.clientY - box.top, box.height), place(event.clientX - box.left, box.width)];
    tell();
  }

  function walk(event) {
    if (event.key === "Enter") clips.play(...here);
    const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    here = here.map((one, side) => Math.min(Math.max(one + step[side], 0), shown.names.length - 1));
    tell();
  }

  function scale(matrix) {
    const steps = Array.from({ length: 33 }, (_, place) => place * (255 / 32));
    return make("span", { class: "scale" }, `${matrix.distance || "distance"} ${number(matrix.low, 2)} `,
      draw("svg", { class: "ramp", viewBox: "0 0 33 4", preserveAspectRatio: "none", "aria-hidden": "true" },
        ...steps.map((shade, x) => draw("rect", { x, y: 0, width: 1.05, height: 4, fill: `rgb(${colour(shade)})` }))),
      ` ${number(matrix.high, 2)}`);
  }

  function show(benchmark, set) {
    section.hidden = !benchmark.matrices.length;
    if (section.hidden) return;
    const size = set.names.length;
    shown = { ...set, matrices: benchmark.matrices,
      values: benchmark.matrices.map((matrix) => square(matrix.shades, size)) };
    here = here.map((one) => Math.min(one, size - 1));
    SIDES.forEach((side, at) => paint(side, shown.values[at], size));
    const [model, brain] = benchmark.matrices;
    document.getElementById("model-title").textContent = `Model, ${benchmark.layer || "best layer"}`;
    document.getElementById("brain-title").textContent = "Brain, mean over subjects";
    const one = model.distance === brain.distance && model.low === brain.low && model.high === brain.high;
    scales.replaceChildren(...(one ? [scale(model)] : [scale(model), scale(brain)]));
    tell();
  }

  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerdown", point);
  frame.addEventListener("click", (event) => { if (event.target.closest(".matrix")) clips.play(...here); });
  frame.addEventListener("keydown", walk);
  return { show };
})();
