"use strict";
// The column on the right: all that is known of what is selected, its text and its machine code.

leat.chip = (text, run, parent) => {
  const b = document.createElement("button");
  b.className = "chip";
  b.textContent = b.title = text;
  b.onclick = run;
  parent.append(b);
  return b;
};

leat.Details = class {
  constructor(box, page) {
    this.box = box;
    this.page = page;
  }

  show() {
    const box = this.box, item = this.page.selected;
    box.replaceChildren();
    const put = (tag, text, parent = box) => {
      const el = document.createElement(tag);
      if (text !== undefined) el.textContent = text;
      parent.append(el);
      return el;
    };
    const table = (rows) => {
      const t = put("table");
      for (const [cells, run] of rows) {
        const tr = put("tr", undefined, t);
        cells.forEach((c, i) => {
          const td = put("td", undefined, tr);
          if (i === 0 && run) leat.chip(c, run, td);
          else td.textContent = c;
          if (i > 0) td.className = "n";
        });
      }
    };
    if (!item) {
      put("h2", this.page.model.data.name);
      put("div", "Click a node: what became of it is marked in every stage. + opens a group; wheel zooms, drag moves, f fits, / searches, d darkens.").className = "dim";
      if (this.page.model.data.passes.length > 0) {
        put("h3", "passes");
        table(this.page.model.data.passes.map((p) => [[p.name, p.ran ? `${p.nodes_before} → ${p.nodes_after}` : "–"]]));
      }
      const program = this.page.model.byName.get("program");
      const steps = (program?.nodes ?? []).filter((n) => n.kind === "step").sort((a, b) => b.cost_ns - a.cost_ns);
      if (steps.length > 0) {
        put("h3", "most expensive steps (estimate)");
        table(steps.slice(0, 12).map((n) => [[`${n.id} ${leat.shorten(n.title, 24)}`, leat.time(n.cost_ns / 1e3)], () => this.page.go(n)]));
      }
      return;
    }
    if (!item.stage) {
      put("h2", item.name ?? "group");
      put("div", `${item.kind} of ${item.total} nodes in ${this.page.stageOf(item).name}${item.path ? `: ${item.path}` : ""}`).className = "dim";
      const counts = new Map();
      for (const n of this.page.nodesOf(item)) counts.set(n.op, (counts.get(n.op) ?? 0) + 1);
      put("h3", "ops");
      table([...counts].sort((a, b) => b[1] - a[1]).slice(0, 30).map(([op, n]) => [[op, String(n)]]));
      return;
    }
    put("h2", item.title);
    put("div", `${item.id} in ${item.stage.name}`).className = "dim";
    const list = put("dl"), entry = (name, value) => {
      if (value === undefined || value === "" || value === 0) return;
      put("dt", name, list);
      put("dd", value, list);
    };
    entry("types", item.types);
    entry("size", item.bytes ? leat.bytes(item.bytes) : "");
    if (item.cost_ns !== undefined) entry("estimate", `${leat.time(item.cost_ns / 1e3)} on one worker`);
    const bars = item.kind === "step" ? this.page.model.barsOf.get(item.id) : undefined;
    if (bars) entry("measured", `${leat.time(bars.reduce((s, b) => s + b.end_us - b.begin_us, 0))} in ${bars.length} ${bars.length === 1 ? "part" : "parts"}`);
    if (item.kind === "step") entry("device", this.page.model.device(item.device));
    if (item.why) entry("device", `${this.page.model.device(item.device)}: ${item.why}`);
    if (item.stage.note) entry("placement", item.stage.note);
    entry("label", item.label);
    entry("scope", item.scope);
    if (item.gone) entry("gone", `after ${item.gone}`);
    if (item.estimates) {
      const us = (ns) => leat.time(ns / 1e3);
      put("h3", "placement (estimates)");
      table([[["device", "run", "copies", "start", "finish", "then"]], ...item.estimates.map((e) =>
        [[this.page.model.device(e.device), us(e.run_ns), us(e.copies_ns), us(e.start_ns), us(e.finish_ns), us(e.rest_ns)]])]);
    }
    const bodies = this.page.model.bodiesOf(item);
    if (bodies.length > 0) {
      put("h3", "its graphs");
      const div = put("div");
      for (const b of bodies) leat.chip(`${b.data.role}: ${b.stages[0].nodes.length} nodes`, () => this.page.enter(b), div);
    }
    const places = this.page.model.places(item);
    if (places.length > 0) {
      put("h3", "written at");
      const div = put("div");
      for (const at of places.slice(0, 12)) leat.chip(at, () => this.page.showSource(at), div);
    }
    for (const stage of this.page.model.stages) {
      if (stage === item.stage) continue;
      const nodes = this.page.model.linked(item, stage);
      put("h3", `in ${stage.name}`);
      const div = put("div");
      if (nodes.length === 0) put("span", item.gone ? `nothing is left: ${item.gone}` : "nothing", div).className = "dim";
      for (const n of nodes.slice(0, 16)) leat.chip(`${n.id} ${n.title}`, () => this.page.go(n), div);
      if (nodes.length > 16) put("span", `… ${nodes.length - 16} more`, div).className = "dim";
    }
    for (const [head, edges, end] of [["reads", item.inputs, "source"], ["read by", item.outputs, "target"]]) {
      if (edges.length === 0) continue;
      put("h3", head);
      const div = put("div");
      for (const e of edges.slice(0, 16)) {
        leat.chip(`${e[end].id} ${e[end].title}${e.cause ? ` (${e.cause})` : ""}`, () => this.page.go(e[end]), div);
      }
      if (edges.length > 16) put("span", `… ${edges.length - 16} more`, div).className = "dim";
    }
    if (item.text || item.body) {
      put("h3", "text");
      put("pre", [item.text, item.body].filter(Boolean).join("\n"));
    }
    this.showCode(item, put);
  }
  // The machine code of a step, or of the steps that a node became: closed until somebody wants to read it.
  showCode(item, put) {
    const program = this.page.model.byName.get("program");
    const steps = item.kind === "step" ? [item] : program ? this.page.model.linked(item, program) : [];
    const kernels = [...new Set(steps.slice(0, 8).flatMap((s) => this.page.model.kernelsOf(s)))];
    if (steps.length > 0 && (kernels.length > 0 || this.page.model.data.code_left_out)) put("h3", "code");
    for (const k of kernels) {
      for (const [kind, title] of [["llvm", "LLVM IR"], ["asm", "assembly"], ["ptx", "PTX"]]) {
        if (!k[kind]) continue;
        const details = put("details");
        details.dataset.code = kind;
        put("summary", `${title}: ${k.name}`, details);
        // The text is put in when it is opened: there may be a megabyte of it.
        details.ontoggle = () => {
          if (details.open && details.children.length === 1) put("pre", k[kind], details);
        };
      }
    }
    if (kernels.some((k) => k.llvm || k.ptx) || !this.page.model.data.code_left_out || steps.length === 0) return;
    put("div", this.page.model.data.code_left_out).className = "dim";
  }
};
