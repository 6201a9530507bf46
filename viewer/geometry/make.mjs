// Makes ../static/vendor/california.json: California's counties as SVG path strings, from us-atlas's TopoJSON.
// README.md beside this file says how to run it.

import { readFileSync } from "node:fs";

const STATE = "06";
const RADIANS = Math.PI / 180;

/** California Albers (EPSG:3310) on a sphere: conic, equal-area, so that no county looks larger than it is. */
const ORIGIN_LONGITUDE = -120;
const PARALLELS = [34, 40.5];

/** The drawing is this many units high, and coordinates are kept in tenths of a unit (about 110 m). */
const HEIGHT = 1000;
const MARGIN = 4;
const TENTHS = 10;

/** What the inset shows larger: the counties around San Francisco Bay. Size in units of the drawing. */
const INSET_CENTER = [-122.18, 37.72];
const INSET_SIZE = [104, 100];

const topology = JSON.parse(readFileSync(process.argv[2], "utf8"));

function albers([longitude, latitude]) {
  const [first, second] = PARALLELS.map((parallel) => Math.sin(parallel * RADIANS));
  const n = (first + second) / 2;
  const c = 1 - first * first + 2 * n * first;
  const radius = Math.sqrt(c - 2 * n * Math.sin(latitude * RADIANS)) / n;
  const angle = n * (longitude - ORIGIN_LONGITUDE) * RADIANS;
  return [radius * Math.sin(angle), radius * Math.cos(angle)];
}

/** The points of an arc, in degrees. TopoJSON has differences of quantized positions; ~i is arc i backwards. */
function arc(index) {
  const { scale, translate } = topology.transform;
  let x = 0;
  let y = 0;
  const points = topology.arcs[index < 0 ? ~index : index].map(([dx, dy]) => {
    x += dx;
    y += dy;
    return [x * scale[0] + translate[0], y * scale[1] + translate[1]];
  });
  return index < 0 ? points.reverse() : points;
}

/** A ring without its closing point; arcs share their end points. */
const ring = (arcs) => arcs.flatMap((index) => arc(index).slice(0, -1));

function polygons({ type, arcs }) {
  return (type === "Polygon" ? [arcs] : arcs).map((rings) => rings.map((each) => ring(each).map(albers)));
}

/** Twice the signed area of a ring, and its centroid. */
function moments(points) {
  let area = 0;
  let cx = 0;
  let cy = 0;
  points.forEach(([x0, y0], i) => {
    const [x1, y1] = points[(i + 1) % points.length];
    const cross = x0 * y1 - x1 * y0;
    area += cross;
    cx += (x0 + x1) * cross;
    cy += (y0 + y1) * cross;
  });
  return { area, center: [cx / (3 * area), cy / (3 * area)] };
}

const largest = (shapes) =>
  shapes
    .map(([outer]) => ({ outer, size: Math.abs(moments(outer).area) }))
    .reduce((a, b) => (b.size > a.size ? b : a)).outer;

/** SVG path data in relative coordinates: whole tenths are added up, so that nothing drifts and borders meet. */
function path(points) {
  const tenths = points.map((point) => point.map((value) => Math.round(value * TENTHS)));
  let data = "";
  let [x0, y0] = [0, 0];
  tenths.forEach(([x, y], i) => {
    if (i > 0 && x === x0 && y === y0) return;
    data += `${i === 0 ? "M" : "l"}${(x - x0) / TENTHS},${(y - y0) / TENTHS}`;
    [x0, y0] = [x, y];
  });
  return `${data}z`;
}

const counties = topology.objects.counties.geometries
  .filter(({ id }) => id.startsWith(STATE))
  .sort((a, b) => a.id.localeCompare(b.id))
  .map((geometry) => ({ id: geometry.id, name: geometry.properties.name, shapes: polygons(geometry) }));

const all = counties.flatMap(({ shapes }) => shapes.flat(2));
const extent = [0, 1].map((axis) => {
  const values = all.map((point) => point[axis]);
  return [Math.min(...values), Math.max(...values)];
});
const scale = (HEIGHT - 2 * MARGIN) / (extent[1][1] - extent[1][0]);
const place = (point) => point.map((value, axis) => (value - extent[axis][0]) * scale + MARGIN);
const round = (value) => Math.round(value * TENTHS) / TENTHS;

const inset = place(albers(INSET_CENTER)).map((value, axis) => round(value - INSET_SIZE[axis] / 2));
const inInset = (point) => point.every((v, axis) => v >= inset[axis] && v <= inset[axis] + INSET_SIZE[axis]);

const placed = counties.map(({ id, name, shapes }) => ({
  id,
  name,
  shapes: shapes.map((rings) => rings.map((points) => points.map(place))),
}));

const result = {
  viewBox: [0, 0, Math.ceil((extent[0][1] - extent[0][0]) * scale + 2 * MARGIN), HEIGHT],
  inset: {
    viewBox: [...inset, ...INSET_SIZE],
    counties: placed.filter(({ shapes }) => shapes.flat(2).some(inInset)).map(({ id }) => id),
  },
  counties: Object.fromEntries(
    placed.map(({ id, name, shapes }) => [
      id,
      {
        name,
        center: moments(largest(shapes)).center.map(round),
        path: shapes.flat().map(path).join(""),
      },
    ]),
  ),
};

process.stdout.write(`${JSON.stringify(result).replaceAll(/"\d+":/g, "\n$&")}\n`);
