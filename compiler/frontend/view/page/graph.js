"use strict";
// One pane: a stage drawn on a canvas, with pan, zoom, collapse and expand.

leat.css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
leat.colors = () => {
  const names = ["bg", "panel", "ink", "dim", "line", "edge", "accent", "linked", "hover", "group", "group-line", "box",
    "parameter", "constant", "contraction", "reduce", "fused", "movement", "control", "elementwise", "output", "bar",
    "critical", "track"];
  leat.palette = Object.fromEntries(names.map((n) => [n, leat.css(n)]));
  leat.sans = leat.css("sans");
  leat.mono = leat.css("mono");
};
// Draws on a canvas of the right resolution; gives the context and the size in CSS pixels.
leat.begin = (canvas) => {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  const pw = Math.max(1, Math.round(w * ratio)), ph = Math.max(1, Math.round(h * ratio));
  if (canvas.width !== pw || canvas.height !== ph) {
    canvas.width = pw;
    canvas.height = ph;
  }
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, w, h);
  return { c, w, h };
};
leat.shorten = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;

leat.Graph = class {
  constructor(canvas, page) {
    this.canvas = canvas;
    this.page = page;
    this.views = new Map();  // of each stage: what is open, where the picture stands
    this.hover = null;
    new ResizeObserver(() => {
      if (this.view && !this.view.moved) this.fit();
      this.draw();
    }).observe(canvas);
    this.listen();
  }

  show(stage) {
    this.stage = stage;
    if (!this.views.has(stage)) this.views.set(stage, { open: this.firstOpen(stage), x: 0, y: 0, scale: 1, moved: false });
    this.view = this.views.get(stage);
    this.layout();
    if (!this.view.moved) this.fit();
    this.draw();
  }

  // Groups are opened from the outside in while the picture stays small enough to read.
  firstOpen(stage) {
    const open = new Set(), budget = 60;
    let shown = stage.groups.get(0).nodes.length + stage.groups.get(0).children.length;
    const queue = [...stage.groups.get(0).children];
    while (queue.length > 0) {
      const g = queue.shift(), more = g.nodes.length + g.children.length - 1;
      if (shown + more > budget && !(stage.nodes.length <= budget)) continue;
      shown += more;
      open.add(g.id);
      queue.push(...g.children);
    }
    return open;
  }

  lines(item) {
    if (item.stage === undefined) {
      const count = `${item.total} nodes`;
      return [{ text: leat.shorten(item.name ?? `group ${item.id}`, 34), font: `600 12px ${leat.sans}` },
        { text: count, font: `11px ${leat.sans}`, dim: true }];
    }
    const lines = [];
    if (item.kind === "fused" && item.title.length > 26) {
      let line = "";
      const ops = item.title.split(", ");
      for (const op of ops) {
        if (line && line.length + op.length > 26) {
          lines.push(line + ",");
          line = "";
        }
        line += (line ? ", " : "") + op;
      }
      lines.push(line);
      if (lines.length > 5) lines.splice(4, lines.length - 4, `… ${ops.length} ops`);
    } else {
      lines.push(leat.shorten(item.title, 40));
    }
    const all = lines.map((text) => ({ text, font: `600 12px ${leat.sans}` }));
    const bodies = item.stage.model.bodiesOf(item);
    if (bodies.length > 0) all.push({ text: `▸ ${bodies.map((b) => b.data.role).join(", ")}`, font: `11px ${leat.sans}`, dim: true });
    if (item.label) all.push({ text: `“${leat.shorten(item.label, 32)}”`, font: `italic 11px ${leat.sans}` });
    if (item.kind === "step") {
      all.push({ text: `${item.id} · ${leat.time(item.cost_ns / 1e3)}`, font: `11px ${leat.sans}`, dim: true });
    } else if (item.types) {
      all.push({ text: leat.shorten(item.types, 36), font: `10.5px ${leat.mono}`, dim: true });
    }
    return all;
  }
  measure(item) {
    this.sizes ??= new Map();
    if (!this.sizes.has(item)) {
      const c = this.canvas.getContext("2d"), lines = this.lines(item);
      let w = 56;
      for (const line of lines) {
        c.font = line.font;
        w = Math.max(w, c.measureText(line.text).width + (item.stage === undefined ? 46 : 26));
      }
      this.sizes.set(item, { w: Math.ceil(w), h: 12 + 15 * lines.length, lines });
    }
    const { w, h } = this.sizes.get(item);
    return { w, h };
  }
  layout() {
    this.picture = leat.layout(this.stage, this.view.open, (item) => this.measure(item));
    this.boxOf = new Map(this.picture.boxes.map((b) => [b.node ?? b.group, b]));
  }

  // The box that stands for a node: its own, or that of the outermost group around it that is closed.
  boxFor(node) {
    const around = [];
    for (let g = node.home; g && g.id !== 0; g = this.stage.groups.get(g.parent)) around.unshift(g);
    const closed = around.find((g) => !this.view.open.has(g.id));
    return this.boxOf.get(closed ?? node);
  }

  fit() {
    const w = this.canvas.clientWidth, h = this.canvas.clientHeight, v = this.view, p = this.picture;
    if (w === 0 || h === 0) return;
    // What is large cannot be read as a whole: then its top is shown, as wide as it is.
    const wide = (w - 40) / Math.max(p.w, 1), tall = (h - 40) / Math.max(p.h, 1);
    v.scale = Math.min(1.2, Math.max(Math.min(wide, tall), Math.min(wide, 0.7), 0.12));
    v.x = p.w * v.scale < w - 40 ? (w - p.w * v.scale) / 2 : 20;
    v.y = p.h * v.scale < h - 40 ? (h - p.h * v.scale) / 2 : 20;
  }
  fitAll() {
    const w = this.canvas.clientWidth, h = this.canvas.clientHeight, v = this.view, p = this.picture;
    v.scale = Math.min(1.4, (w - 40) / Math.max(p.w, 1), (h - 40) / Math.max(p.h, 1));
    v.x = (w - p.w * v.scale) / 2;
    v.y = (h - p.h * v.scale) / 2;
    v.moved = false;
    this.draw();
  }
  center(box) {
    const v = this.view;
    v.scale = Math.max(v.scale, 0.75);
    v.x = this.canvas.clientWidth / 2 - (box.x + box.w / 2) * v.scale;
    v.y = this.canvas.clientHeight / 2 - (box.y + Math.min(box.h, 200) / 2) * v.scale;
    v.moved = true;
    this.draw();
  }
  reveal(node) {
    let opened = false;
    for (let g = node.home; g && g.id !== 0; g = this.stage.groups.get(g.parent)) {
      opened ||= !this.view.open.has(g.id);
      this.view.open.add(g.id);
    }
    if (opened) this.layout();
    const box = this.boxFor(node);
    if (box) this.center(box);
  }
  isVisible(box) {
    const v = this.view;
    const x = v.x + (box.x + box.w / 2) * v.scale, y = v.y + (box.y + box.h / 2) * v.scale;
    return x > 20 && y > 20 && x < this.canvas.clientWidth - 20 && y < this.canvas.clientHeight - 20;
  }
  toggle(group) {
    const before = this.boxOf.get(group), v = this.view;
    const x = v.x + (before.x + before.w / 2) * v.scale, y = v.y + before.y * v.scale;
    if (!v.open.delete(group.id)) {
      v.open.add(group.id);
      // What opens shows its first part open too where that is all there is.
      if (group.children.length === 1 && group.nodes.length === 0) v.open.add(group.children[0].id);
    }
    this.layout();
    const after = this.boxOf.get(group);
    v.x = x - (after.x + after.w / 2) * v.scale;
    v.y = y - after.y * v.scale;
    v.moved = true;
    this.draw();
  }
  openAll(open) {
    this.view.open = new Set(open ? this.stage.groups.keys() : []);
    this.layout();
    this.fit();
    this.draw();
  }

  draw() {
    if (!this.stage || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }
  paint() {
    const { c, w, h } = leat.begin(this.canvas), v = this.view, p = leat.palette;
    const marks = this.page.marks(this.stage), chosen = new Set(), linked = new Set();
    for (const n of marks.chosen) chosen.add(this.boxFor(n));
    for (const n of marks.linked) linked.add(this.boxFor(n));
    c.translate(v.x, v.y);
    c.scale(v.scale, v.scale);
    const x0 = -v.x / v.scale, y0 = -v.y / v.scale, x1 = x0 + w / v.scale, y1 = y0 + h / v.scale;
    const inside = (b) => b.x < x1 && b.x + b.w > x0 && b.y < y1 && b.y + b.h > y0;
    for (const b of this.picture.boxes) if (b.open && inside(b)) this.paintFrame(c, b, v, p, chosen, linked);
    const selected = marks.chosen[0];
    const lit = [];
    c.lineWidth = Math.max(1, 0.6 / v.scale);
    c.strokeStyle = p.edge;
    c.fillStyle = p.edge;
    for (const e of this.picture.edges) {
      if (selected && e.all.some((x) => x.source === selected || x.target === selected)) {
        lit.push(e);
      } else {
        this.paintEdge(c, e, x0, y0, x1, y1, v.scale);
      }
    }
    c.strokeStyle = c.fillStyle = p.accent;
    c.lineWidth = Math.max(1.8, 1 / v.scale);
    for (const e of lit) this.paintEdge(c, e, x0, y0, x1, y1, v.scale);
    for (const b of this.picture.boxes) if (!b.open && inside(b)) this.paintBox(c, b, v, p, chosen, linked);
  }
  paintEdge(c, e, x0, y0, x1, y1, scale) {
    const q = e.points, first = q[0], last = q[q.length - 1];
    if (Math.max(first[1], last[1]) < y0 || Math.min(first[1], last[1]) > y1) return;
    let left = Infinity, right = -Infinity;
    for (const [x] of q) {
      left = Math.min(left, x);
      right = Math.max(right, x);
    }
    if (right < x0 || left > x1) return;
    c.setLineDash(e.all.every((x) => x.cause) || e.back ? [4, 4] : []);
    c.beginPath();
    c.moveTo(first[0], first[1]);
    for (let i = 1; i < q.length; ++i) {
      const [ax, ay] = q[i - 1], [bx, by] = q[i];
      const m = (ay + by) / 2;
      if (Math.abs(ax - bx) < 0.5) c.lineTo(bx, by);
      else c.bezierCurveTo(ax, m, bx, m, bx, by);
    }
    c.stroke();
    if (!e.arrow || scale < 0.25) return;
    c.setLineDash([]);
    const up = q[q.length - 2][1] > last[1] ? 1 : -1;
    c.beginPath();
    c.moveTo(last[0], last[1]);
    c.lineTo(last[0] - 3.6, last[1] + 6.5 * up);
    c.lineTo(last[0] + 3.6, last[1] + 6.5 * up);
    c.fill();
  }
  ring(c, b, v, p, chosen, linked, radius) {
    const mark = chosen.has(b) ? p.accent : linked.has(b) ? p.linked : this.hover === b ? p.edge : null;
    if (!mark) return;
    c.strokeStyle = mark;
    c.lineWidth = Math.max(2.4, 2 / v.scale);
    c.beginPath();
    c.roundRect(b.x - 2, b.y - 2, b.w + 4, b.h + 4, radius + 2);
    c.stroke();
  }
  paintFrame(c, b, v, p, chosen, linked) {
    c.setLineDash(b.group.kind === "repeat" ? [6, 3] : []);
    c.fillStyle = b.depth % 2 === 0 ? p.group : p.bg;
    c.strokeStyle = p["group-line"];
    c.lineWidth = Math.max(1, 0.8 / v.scale);
    c.beginPath();
    c.roundRect(b.x, b.y, b.w, b.h, 8);
    c.fill();
    c.stroke();
    c.setLineDash([]);
    if (v.scale > 0.35) {
      c.fillStyle = p.dim;
      c.font = `600 11px ${leat.sans}`;
      c.textAlign = "left";
      c.textBaseline = "middle";
      c.fillText(leat.shorten(b.group.name ?? "", Math.floor((b.w - 34) / 6.4)), b.x + 10, b.y + 12);
      c.textAlign = "center";
      c.fillText("−", b.x + b.w - 13, b.y + 12);
    }
    this.ring(c, b, v, p, chosen, linked, 8);
  }
  paintBox(c, b, v, p, chosen, linked) {
    const item = b.node ?? b.group, family = b.node ? leat.family(b.node) : null;
    const round = family === "parameter" || family === "output" ? b.h / 2 : 6;
    if (!b.node) {  // a stack: there is more in it
      const layers = b.group.kind === "repeat" ? 2 : 1;
      for (let k = layers; k > 0; --k) {
        c.fillStyle = p.group;
        c.strokeStyle = p["group-line"];
        c.lineWidth = 1;
        c.beginPath();
        c.roundRect(b.x + 3 * k, b.y + 3 * k, b.w, b.h, 6);
        c.fill();
        c.stroke();
      }
    }
    c.fillStyle = p.box;
    c.strokeStyle = family ? p[family] : p["group-line"];
    c.lineWidth = Math.max(1.2, 0.8 / v.scale);
    c.beginPath();
    c.roundRect(b.x, b.y, b.w, b.h, round);
    c.fill();
    if (family) {
      c.globalAlpha = 0.13;
      c.fillStyle = p[family];
      c.fill();
      c.globalAlpha = 1;
    }
    c.stroke();
    this.ring(c, b, v, p, chosen, linked, round);
    if (v.scale < 0.3) return;
    c.textAlign = "center";
    c.textBaseline = "middle";
    const lines = this.sizes.get(item).lines;
    lines.forEach((line, k) => {
      c.font = line.font;
      c.fillStyle = line.dim ? p.dim : p.ink;
      c.fillText(line.text, b.x + b.w / 2 - (b.node ? 0 : 6), b.y + 14 + 15 * k);
    });
    if (!b.node) {
      c.fillStyle = p.accent;
      c.font = `600 14px ${leat.sans}`;
      c.fillText("+", b.x + b.w - 13, b.y + b.h / 2);
    }
  }

  at(event) {
    const r = this.canvas.getBoundingClientRect(), v = this.view;
    return [(event.clientX - r.left - v.x) / v.scale, (event.clientY - r.top - v.y) / v.scale];
  }
  hit(event) {
    const [x, y] = this.at(event);
    let found = null;  // the innermost: boxes stand before what is in them
    for (const b of this.picture.boxes) {
      if (x < b.x || y < b.y || x > b.x + b.w || y > b.y + b.h) continue;
      found = b;
    }
    return found;
  }
  // Where a node or group is on the screen, for scripts: the middle of its box.
  where(item) {
    const b = item.stage ? this.boxFor(item) : this.boxOf.get(item), r = this.canvas.getBoundingClientRect();
    if (!b) return null;
    const y = b.open ? b.y + 12 : b.y + b.h / 2;
    return { x: r.left + this.view.x + (b.x + b.w / 2) * this.view.scale, y: r.top + this.view.y + y * this.view.scale };
  }

  listen() {
    const canvas = this.canvas;
    let from = null, far = false;
    canvas.tabIndex = 0;
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      from = [e.clientX, e.clientY, this.view.x, this.view.y];
      far = false;
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (!this.stage) return;
      if (from) {
        far ||= Math.hypot(e.clientX - from[0], e.clientY - from[1]) > 4;
        if (far) {
          this.view.x = from[2] + e.clientX - from[0];
          this.view.y = from[3] + e.clientY - from[1];
          this.view.moved = true;
          this.page.tip(null);
          this.draw();
        }
        return;
      }
      const b = this.hit(e), changed = b !== this.hover;
      this.hover = b;
      canvas.classList.toggle("over", !!b);
      this.page.tip(b && !b.open ? this.page.describe(b.node ?? b.group) : null, e);
      if (changed) this.draw();
    });
    canvas.addEventListener("pointerup", (e) => {
      const click = from && !far;
      from = null;
      if (!click || !this.stage) return;
      const b = this.hit(e);
      if (b?.group) {
        const [x, y] = this.at(e);
        const button = x > b.x + b.w - 26 && (!b.open || y < b.y + 24);
        if (button) return this.toggle(b.group);
        return this.page.select(b.group, this);
      }
      this.page.select(b?.node ?? null, this);
    });
    canvas.addEventListener("dblclick", (e) => {
      const b = this.hit(e);
      if (b?.group) this.toggle(b.group);
      const body = b?.node && this.page.model.bodiesOf(b.node)[0];
      if (body) this.page.enter(body);
    });
    canvas.addEventListener("pointerleave", () => {
      this.hover = null;
      this.page.tip(null);
      this.draw();
    });
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      const v = this.view, r = canvas.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
      if (e.shiftKey) {
        v.x -= e.deltaY + e.deltaX;
      } else {
        const by = Math.exp(-e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.0016));
        const scale = Math.min(4, Math.max(0.01, v.scale * by));
        v.x = x - (x - v.x) * (scale / v.scale);
        v.y = y - (y - v.y) * (scale / v.scale);
        v.scale = scale;
      }
      v.moved = true;
      this.draw();
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
      if (step) {
        this.view.x += step[0];
        this.view.y += step[1];
        this.view.moved = true;
      } else if (e.key === "f") {
        return this.fitAll();
      } else if (e.key === "+" || e.key === "-") {
        this.view.scale *= e.key === "+" ? 1.2 : 1 / 1.2;
        this.view.moved = true;
      } else if (e.key === "Enter" && this.page.selected && this.boxOf.get(this.page.selected)?.group) {
        return this.toggle(this.page.selected);
      } else {
        return;
      }
      e.preventDefault();
      this.draw();
    });
  }
};
