"use strict";

/* Text only ever enters the page as text: nothing here parses HTML. */
const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  "o": "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0",
  "s": "M-4.5,-4.5h9v9h-9z",
  "^": "M0,-5.5L5.3,4.2H-5.3z",
  "v": "M0,5.5L5.3,-4.2H-5.3z",
  "<": "M-5.5,0L4.2,-5.3V5.3z",
  ">": "M5.5,0L-4.2,-5.3V5.3z",
  "D": "M0,-6L6,0L0,6L-6,0z",
  "P": "M-1.8,-5.4h3.6v3.6h3.6v3.6h-3.6v3.6h-3.6v-3.6h-3.6v-3.6h3.6z",
  "X": "M-5.2,-2.9L-2.9,-5.2L0,-2.3L2.9,-5.2L5.2,-2.9L2.3,0L5.2,2.9L2.9,5.2L0,2.3L-2.9,5.2L-5.2,2.9L-2.3,0z",
  "*": "M0.0,-6.8L1.8,-2.4L6.5,-2.1L2.9,0.9L4.0,5.5L0.0,3.0L-4.0,5.5L-2.9,0.9L-6.5,-2.1L-1.8,-2.4z",
  "p": "M0.0,-5.8L5.5,-1.8L3.4,4.7L-3.4,4.7L-5.5,-1.8z",
  "d": "M0,-6.2L3.6,0L0,6.2L-3.6,0z",
};

/* Names of models and benchmarks are keys, so objects inherit nothing: no `toString`. */
function read(id) {
  return JSON.parse(document.getElementById(id).textContent, (key, value) =>
    (value && typeof value === "object" && !Array.isArray(value) ? Object.setPrototypeOf(value, null) : value));
}

function make(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function draw(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function marker(look, x, y, scale = 1, hollow = false) {
  return draw("path", {
    d: SHAPES[look.marker] || SHAPES.o,
    fill: hollow ? "none" : look.colour,
    stroke: hollow ? look.colour : null,
    class: hollow ? "hollow" : "edge",
    transform: `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${scale})`,
  });
}

function number(value, digits = 3) {
  return value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−");
}

/* What is chosen stands behind the # of the address, so that a view can be shared. */
function choices() {
  return new URLSearchParams(location.hash.slice(1));
}

function remember(chosen) {
  const text = chosen.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}
