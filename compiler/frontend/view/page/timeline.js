"use strict";
// The lower part: what ran where and when, with the critical path and what waited for what; memory below it, on the
// same axis. Without a trace the steps stand in order at their estimated costs, and the page says so.

leat.Timeline = class {
  constructor(canvas, page) {
    this.canvas = canvas;
    this.page = page;
    this.critical = true;
    this.build();
    this.from = 0;
    this.to = this.end;
    new ResizeObserver(() => this.draw()).observe(canvas);
    this.listen();
  }

  get model() { return this.page.model; }
  build() {
    const program = this.model.byName.get("program"), steps = (program?.nodes ?? []).filter((n) => n.kind === "step");
    this.measured = this.model.trace.some((e) => e.kind === "step");
    this.bars = [];
    if (this.measured) {
      const runs = this.model.trace.filter((e) => e.kind === "run");
      this.runs = runs;
      for (const e of this.model.trace) {
        if (e.kind === "run") continue;
        // Handing a step over to a GPU is a bar, but not the step's.
        const queues = e.kind === "step" && this.model.onDevice.has(e.step);
        this.bars.push({ track: e.track, begin: e.begin_us, end: e.end_us, name: queues ? `queue ${e.name}` : e.name,
          step: queues ? undefined : e.step, queues: queues ? e.step : undefined, event: e,
          node: e.step && program?.byId.get(e.step) });
      }
    } else {
      let at = 0;
      for (const node of steps) {
        const cost = Math.max(node.cost_ns, 1) / 1e3;
        this.bars.push({ track: 0, begin: at, end: at + cost, name: node.title, step: node.id, node });
        at += cost;
      }
    }
    const tracks = [...new Set(this.bars.map((b) => b.track))].sort((a, b) => a - b);
    this.tracks = tracks.map((t) => ({ track: t, name: !this.measured ? "estimate"
      : this.bars.find((b) => b.track === t).event.track_name }));
    this.row = new Map(tracks.map((t, i) => [t, i]));
    this.end = this.bars.reduce((m, b) => Math.max(m, b.end), 0) || 1;
    // When each step began and ended.
    this.span = new Map();
    for (const b of this.bars) {
      if (!b.step) continue;
      const s = this.span.get(b.step) ?? { begin: Infinity, end: 0, last: null, first: null };
      if (b.begin < s.begin) [s.begin, s.first] = [b.begin, b];
      if (b.end > s.end) [s.end, s.last] = [b.end, b];
      this.span.set(b.step, s);
    }
    this.path = this.criticalPath(program);
    this.onPath = new Set(this.path);
    this.live = this.memory(steps);
  }

  // From the step that ended last back to the predecessor that ended last, and so on.
  criticalPath(program) {
    if (!program) return [];
    const path = [];
    let at = null;
    if (this.measured) {
      for (const [id, s] of this.span) if (!at || s.end > this.span.get(at).end) at = id;
      while (at) {
        path.unshift(at);
        const node = program.byId.get(at);
        at = null;
        for (const e of node?.inputs ?? []) {
          if (this.span.has(e.from) && (!at || this.span.get(e.from).end > this.span.get(at).end)) at = e.from;
        }
      }
      return path;
    }
    // Of the plan: the most expensive chain.
    const cost = new Map(), back = new Map();
    for (const n of program.nodes) {
      let most = 0;
      for (const e of n.inputs) {
        if (n.kind === "step" && cost.get(e.from) > most) {
          most = cost.get(e.from);
          back.set(n.id, e.from);
        }
      }
      cost.set(n.id, n.kind === "step" ? most + n.cost_ns : 0);
      if (n.kind === "step" && (!at || cost.get(n.id) > cost.get(at))) at = n.id;
    }
    for (; at; at = back.get(at)) path.unshift(at);
    return path;
  }

  memory(steps) {
    const changes = [], live = [];
    for (const b of this.model.memory.buffers) {
      if ((b.kind !== "temporary" && b.kind !== "output") || b.first === undefined) continue;
      const first = this.span.get(steps[b.first]?.id), last = this.span.get(steps[b.last]?.id);
      if (!first || !last) continue;
      const end = b.kind === "output" ? this.end : Math.max(first.end, last.end);
      live.push({ ...b, begin: first.begin, end });
      changes.push([first.begin, b.bytes], [end, -b.bytes]);
    }
    changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let bytes = 0, peak = { bytes: 0, at: 0 };
    const curve = [[0, 0]];
    for (const [at, by] of changes) {
      bytes += by;
      curve.push([at, bytes]);
      if (bytes > peak.bytes) peak = { bytes, at };
    }
    return { buffers: live, curve, peak };
  }

  rows(h) {
    const longest = Math.max(...this.tracks.map((t) => t.name.length), 0);
    const axis = 20, left = Math.max(86, 16 + 6.2 * longest), area = this.live.curve.length > 1 ? Math.min(90, Math.max(46, h * 0.3)) : 0;
    const space = Math.max(20, h - axis - area - 12);
    const tall = Math.min(30, Math.max(7, space / Math.max(1, this.tracks.length) - 4));
    return { axis, left, area, tall, top: axis + 4, pitch: tall + 4 };
  }
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }
  paint() {
    const { c, w, h } = leat.begin(this.canvas), p = leat.palette, r = this.rows(h);
    if (w < 10 || h < 10) return;
    const span = this.to - this.from, x = (t) => r.left + ((t - this.from) / span) * (w - r.left - 10);
    this.x = x;
    this.unit = span / (w - r.left - 10);
    c.font = `11px ${leat.sans}`;
    c.textBaseline = "middle";
    // The axis.
    const rough = span / Math.max(2, (w - r.left) / 110), ten = 10 ** Math.floor(Math.log10(rough));
    const tick = [1, 2, 5, 10].map((k) => k * ten).find((k) => k >= rough);
    for (let t = Math.ceil(this.from / tick) * tick; t <= this.to; t += tick) {
      c.fillStyle = p.line;
      c.fillRect(x(t), r.axis - 4, 1, h);
      c.fillStyle = p.dim;
      c.textAlign = "center";
      c.fillText(leat.time(t), Math.min(w - 24, Math.max(r.left + 8, x(t))), 9);
    }
    this.tracks.forEach((t, i) => {
      const y = r.top + i * r.pitch;
      c.fillStyle = p.track;
      c.fillRect(r.left, y, w, r.tall);
      c.fillStyle = p.dim;
      c.textAlign = "right";
      if (r.tall >= 9) c.fillText(t.name, r.left - 8, y + r.tall / 2);
    });
    c.save();
    c.beginPath();
    c.rect(r.left, 0, w, h);
    c.clip();
    const program = this.model.byName.get("program");
    const marks = program ? this.page.marks(program) : { chosen: [], linked: [] };
    const lit = new Set([...marks.chosen, ...marks.linked].map((n) => n.id));
    for (const b of this.bars) {
      const x0 = x(b.begin), x1 = Math.max(x(b.end), x0 + 1), y = r.top + this.row.get(b.track) * r.pitch;
      if (x1 < r.left || x0 > w) continue;
      const critical = this.critical && this.onPath.has(b.step);
      c.fillStyle = b.node ? p[leat.family(b.node)] : p.movement;
      c.globalAlpha = lit.size > 0 && !lit.has(b.step) ? 0.35 : 0.85;
      c.fillRect(x0, y, x1 - x0 - (x1 - x0 > 3 ? 0.5 : 0), r.tall);
      c.globalAlpha = 1;
      if (critical) {
        c.fillStyle = p.critical;
        c.fillRect(x0, y + r.tall - 3, x1 - x0, 3);
      }
      if (lit.has(b.step)) {
        c.strokeStyle = marks.chosen.some((n) => n.id === b.step) ? p.accent : p.linked;
        c.lineWidth = 2;
        c.strokeRect(x0, y, Math.max(2, x1 - x0), r.tall);
      }
      if (x1 - x0 > 34 && r.tall >= 12) {
        c.fillStyle = p.panel;
        c.textAlign = "left";
        c.font = `600 11px ${leat.sans}`;
        c.save();
        c.beginPath();
        c.rect(x0, y, x1 - x0 - 3, r.tall);
        c.clip();
        c.fillText(b.name, Math.max(x0, r.left) + 5, y + r.tall / 2);
        c.restore();
      }
    }
    this.paintArrows(c, r, p, program, lit);
    this.paintMemory(c, r, p, w, h, x);
    c.restore();
  }
  paintArrows(c, r, p, program, lit) {
    if (!program || !this.measured) return;
    const arrow = (from, to, color) => {
      const a = this.span.get(from), b = this.span.get(to);
      if (!a || !b) return;
      const x0 = this.x(a.end), x1 = this.x(b.begin);
      const y0 = r.top + this.row.get(a.last.track) * r.pitch + r.tall / 2;
      const y1 = r.top + this.row.get(b.first.track) * r.pitch + r.tall / 2;
      c.strokeStyle = c.fillStyle = color;
      c.lineWidth = 1.3;
      c.beginPath();
      c.moveTo(x0, y0);
      const bow = Math.max(14, Math.abs(x1 - x0) / 2);
      c.bezierCurveTo(x0 + bow, y0, x1 - bow, y1, x1, y1);
      c.stroke();
      c.beginPath();
      c.moveTo(x1, y1);
      c.lineTo(x1 - 6, y1 - 3);
      c.lineTo(x1 - 6, y1 + 3);
      c.fill();
    };
    // Arrows that would lie upon each other say nothing: the red lines below the bars do.
    const seen = this.path.filter((id) => this.span.get(id).end >= this.from && this.span.get(id).begin <= this.to);
    const dense = seen.length > (this.canvas.clientWidth - r.left) / 16;
    if (this.critical && !dense) {
      for (let i = 1; i < this.path.length; ++i) arrow(this.path[i - 1], this.path[i], p.critical);
    }
    for (const id of [...lit].slice(0, 8)) {
      const node = program.byId.get(id);
      for (const e of node?.inputs ?? []) arrow(e.from, id, p.accent);
      for (const e of node?.outputs ?? []) arrow(id, e.to, p.accent);
    }
  }
  paintMemory(c, r, p, w, h, x) {
    const { curve, peak } = this.live;
    if (curve.length < 2) return;
    const bottom = h - 4, tall = r.area - 8, y = (b) => bottom - (b / Math.max(1, peak.bytes)) * tall;
    c.beginPath();
    c.moveTo(x(0), bottom);
    let before = 0;
    for (const [t, bytes] of curve) {
      c.lineTo(x(t), y(before));
      c.lineTo(x(t), y(bytes));
      before = bytes;
    }
    c.lineTo(x(this.end), y(before));
    c.lineTo(x(this.end), bottom);
    c.globalAlpha = 0.25;
    c.fillStyle = p.fused;
    c.fill();
    c.globalAlpha = 1;
    c.strokeStyle = p.fused;
    c.lineWidth = 1.2;
    c.stroke();
    c.restore();
    c.save();
    c.fillStyle = p.dim;
    c.textAlign = "right";
    c.fillText("memory", r.left - 8, bottom - tall / 2);
    c.textAlign = "left";
    const label = `peak ${leat.bytes(peak.bytes)}`, lx = Math.min(w - 100, Math.max(r.left + 4, x(peak.at) + 4));
    c.fillStyle = p.panel;
    c.fillRect(lx - 3, y(peak.bytes) + 3, c.measureText(label).width + 6, 15);
    c.fillStyle = p.ink;
    c.fillText(label, lx, y(peak.bytes) + 11);
    this.memoryTop = bottom - tall - 4;
  }

  hit(e) {
    const box = this.canvas.getBoundingClientRect(), px = e.clientX - box.left, py = e.clientY - box.top;
    const r = this.rows(box.height), row = Math.floor((py - r.top) / r.pitch), t = this.from + (px - r.left) * this.unit;
    if (px < r.left) return {};
    if (this.memoryTop && py >= this.memoryTop) return { time: t, memory: true };
    const slack = this.unit * 2;
    let found = null;
    for (const b of this.bars) {
      if (this.row.get(b.track) !== row || t < b.begin - slack || t > b.end + slack) continue;
      if (!found || b.end - b.begin <= found.end - found.begin) found = b;
    }
    return { bar: found, time: t };
  }
  where(step) {
    const s = this.span.get(step), box = this.canvas.getBoundingClientRect(), r = this.rows(box.height);
    if (!s) return null;
    return { x: box.left + this.x((s.first.begin + s.first.end) / 2), y: box.top + r.top + this.row.get(s.first.track) * r.pitch + r.tall / 2 };
  }
  listen() {
    const canvas = this.canvas;
    let drag = null, far = false;
    canvas.addEventListener("pointerdown", (e) => {
      drag = [e.clientX, this.from, this.to];
      far = false;
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (drag) {
        far ||= Math.abs(e.clientX - drag[0]) > 4;
        if (far) this.set(drag[1] - (e.clientX - drag[0]) * this.unit, drag[2] - (e.clientX - drag[0]) * this.unit);
        return;
      }
      const { bar, time, memory } = this.hit(e);
      canvas.style.cursor = bar ? "pointer" : "grab";
      if (memory) return this.page.tip(this.describeMemory(time), e);
      if (!bar) return this.page.tip(null);
      if (bar.queues) return this.page.tip({ title: bar.name, lines: [leat.time(bar.end - bar.begin), "of a worker: the step itself is on its stream"] }, e);
      const lines = [`${leat.time(bar.end - bar.begin)}${this.measured ? "" : " (estimate)"}`, `from ${leat.time(bar.begin)}`];
      if (bar.event?.last !== undefined) lines.push(`units ${bar.event.first} to ${bar.event.last}`);
      if (this.onPath.has(bar.step)) lines.push("on the critical path");
      this.page.tip({ title: `${bar.step ?? ""} ${bar.name}`.trim(), lines }, e);
    });
    canvas.addEventListener("pointerup", (e) => {
      const click = drag && !far;
      drag = null;
      if (!click) return;
      const { bar } = this.hit(e);
      this.page.select(bar?.node ?? null, this);
    });
    canvas.addEventListener("pointerleave", () => this.page.tip(null));
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      const { time } = this.hit(e), at = time ?? this.from, by = Math.exp(e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.0016));
      this.set(at - (at - this.from) * by, at + (this.to - at) * by);
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.set(0, this.end));
  }
  set(from, to) {
    const least = this.end / 1e5, span = Math.min(this.end * 1.02, Math.max(least, to - from));
    this.from = Math.max(-0.01 * this.end, Math.min(from, this.end * 1.01 - span));
    this.to = this.from + span;
    this.draw();
  }
  describeMemory(time) {
    const live = this.live.buffers.filter((b) => b.begin <= time && time <= b.end).sort((a, b) => b.bytes - a.bytes);
    const total = live.reduce((sum, b) => sum + b.bytes, 0);
    const lines = live.slice(0, 6).map((b) => `${b.id} ${b.types} ${leat.bytes(b.bytes)} (${b.kind})`);
    if (live.length > 6) lines.push(`… ${live.length - 6} more`);
    return { title: `${leat.bytes(total)} live at ${leat.time(time)}`, lines };
  }
};
