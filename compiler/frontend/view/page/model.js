"use strict";
// The data of the page: stages with their nodes, groups and edges, and what links them.
const leat = {};

leat.Stage = class {
  constructor(data, index, model) {
    this.name = data.stage;
    this.note = data.note;
    this.model = model;
    this.index = index;
    this.nodes = data.nodes;
    this.edges = data.edges;
    this.byId = new Map(data.nodes.map((n) => [n.id, n]));
    this.groups = new Map(data.groups.map((g) => [g.id, { ...g, nodes: [], children: [] }]));
    if (!this.groups.has(0)) this.groups.set(0, { id: 0, kind: "root", nodes: [], children: [] });
    for (const g of this.groups.values()) {
      if (g.id !== 0) (this.groups.get(g.parent) ?? this.groups.get(0)).children.push(g);
    }
    data.nodes.forEach((n, i) => {
      n.index = i;
      n.stage = this;
      n.title ??= n.op;
      n.inputs = [];
      n.outputs = [];
      n.home = this.groups.get(n.group ?? 0) ?? this.groups.get(0);
      n.home.nodes.push(n);
    });
    for (const e of data.edges) {
      e.source = this.byId.get(e.from);
      e.target = this.byId.get(e.to);
      e.source.outputs.push(e);
      e.target.inputs.push(e);
    }
    const count = (g) => (g.total = g.nodes.length + g.children.reduce((sum, c) => sum + count(c), 0));
    count(this.groups.get(0));
  }
};

// A program with its stages. What became of a sub-graph of one of its nodes is a model too, in it.
leat.Model = class {
  constructor(data, around) {
    this.data = data;
    this.around = around ?? null;
    this.title = around ? `${data.role} of ${data.of}` : data.name;
    this.stages = data.stages.map((s, i) => new leat.Stage(s, i, this));
    this.byName = new Map(this.stages.map((s) => [s.name, s]));
    this.trace = data.trace ?? [];
    this.memory = data.memory ?? { buffers: [], peak_bytes: 0, arena_bytes: [] };
    this.sources = around?.sources ?? data.sources ?? {};
    this.kernels = new Map((data.kernels ?? []).map((k) => [k.id, k]));
    this.bodies = (data.bodies ?? []).map((b) => new leat.Model(b, this));
    // For each stage: which nodes came from a node of the first one.
    for (const s of this.stages) {
      s.from = new Map();
      for (const n of s.nodes) {
        n.origins ??= s.name === "graph" ? [n.id] : [];
        for (const o of n.origins) {
          if (!s.from.has(o)) s.from.set(o, []);
          s.from.get(o).push(n);
        }
      }
    }
    // Of a step on a GPU the bars are those on its streams; what a worker did is handing it over.
    this.onDevice = new Set(this.trace.filter((e) => e.kind === "device").map((e) => e.step));
    this.barsOf = new Map();
    for (const e of this.trace) {
      if (!e.step || (e.kind !== "device" && this.onDevice.has(e.step))) continue;
      if (!this.barsOf.has(e.step)) this.barsOf.set(e.step, []);
      this.barsOf.get(e.step).push(e);
    }
  }
  find(stage, id) { return this.byName.get(stage)?.byId.get(id); }

  // What became of a node, or what it came from: the nodes of another stage. Between fused nodes and steps the
  // link is exact; else it goes through the nodes of the program as it was written.
  linked(node, stage) {
    if (node.stage === stage) return [node];
    if (node.stage.name === "fused" && stage.name === "program") {
      const steps = stage.nodes.filter((n) => n.made_of?.includes(node.id));
      if (steps.length > 0) return steps;
    }
    if (node.stage.name === "program" && stage.name === "fused" && node.made_of?.length > 0) {
      return node.made_of.map((id) => stage.byId.get(id)).filter(Boolean);
    }
    const found = new Set();
    for (const o of node.origins) for (const n of stage.from.get(o) ?? []) found.add(n);
    return [...found].sort((a, b) => a.index - b.index);
  }
  // The sub-graphs of a node, of whatever stage.
  bodiesOf(node) {
    return this.bodies.filter((b) => node.stage.name === "graph" ? node.id === b.data.of
      : node.origins.includes(b.data.of) && /^(cond|while)/.test(node.op));
  }
  kernelsOf(node) { return (node.kernels ?? []).map((id) => this.kernels.get(id)).filter(Boolean); }
  device(number) { return this.data.devices?.[number] ?? String(number); }
  // The places where a node was written, as "file:line".
  places(node) {
    const graph = this.byName.get("graph");
    const all = new Set();
    if (node.at) all.add(node.at);
    if (graph) for (const o of node.origins) if (graph.byId.get(o)?.at) all.add(graph.byId.get(o).at);
    return [...all];
  }
};

leat.family = (node) => {
  if (["parameter", "constant", "fused", "output"].includes(node.kind)) return node.kind;
  const op = node.op;
  if (/^(dot_general|convolution|matmul|attention)/.test(op)) return "contraction";
  if (op === "kernel" || op === "pairwise") return "fused";
  if (/^(reduce|arg_|cum|sort|top_k|window)/.test(op)) return "reduce";
  if (/^(cond|while|custom)/.test(op)) return "control";
  if (/^(reshape|broadcast|transpose|slice|pad|concat|reverse|reorder|gather|scatter|copy|convert|bitcast|iota|dynamic)/.test(op)) return "movement";
  return "elementwise";
};
leat.bytes = (n) => n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(n < 10240 ? 1 : 0)} KB`
  : n < 2 ** 30 ? `${(n / 2 ** 20).toFixed(n < 10 * 2 ** 20 ? 1 : 0)} MB` : `${(n / 2 ** 30).toFixed(2)} GB`;
leat.time = (us) => us < 1 ? `${Math.round(us * 1000)} ns` : us < 1000 ? `${+us.toPrecision(3)} µs`
  : us < 1e6 ? `${+(us / 1000).toPrecision(3)} ms` : `${+(us / 1e6).toPrecision(3)} s`;
