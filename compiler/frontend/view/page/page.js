"use strict";
// The page: panes, search, details, and the one selection that all of them show.

leat.Page = class {
  constructor(model) {
    this.root = this.model = model;
    this.panes = [];
    this.selected = null;  // a node or a group
    leat.colors();
    this.element = (id) => document.getElementById(id);
    this.showHead();
    const names = model.stages.map((s) => s.name);
    this.addPane(names[0]);
    if (names.length > 1 && window.innerWidth > 900) this.addPane(names.includes("program") ? "program" : names.at(-1));
    this.timeline = new leat.Timeline(this.element("timeline"), this);
    this.details = new leat.Details(this.element("details"), this);
    this.buildDock();
    this.buildSearch();
    this.buildGrips();
    this.element("add-pane").onclick = () => {
      const all = this.model.stages.map((s) => s.name);
      this.addPane(all[Math.min(this.panes.length, all.length - 1)]);
    };
    this.element("theme").onclick = () => this.theme();
    this.element("dock-toggle").onclick = () => this.toggleDock();
    document.addEventListener("keydown", (e) => this.key(e));
    this.details.show();
  }

  key(e) {
    if (e.target.matches("input, select")) return;
    if (e.key === "/") {
      e.preventDefault();
      this.element("query").focus();
    } else if (e.key === "d") {
      this.theme();
    } else if (e.key === "t") {
      this.toggleDock();
    } else if (e.key === "Escape") {
      this.select(null);
    }
  }
  // The way to the model that is shown: the program, and the sub-graphs that were opened.
  showHead() {
    const name = this.element("name"), way = [];
    for (let m = this.model; m; m = m.around) way.unshift(m);
    name.replaceChildren();
    for (const m of way) {
      if (m !== way[0]) name.append(" › ");
      if (m === this.model) name.append(m.title);
      else leat.chip(m.title, () => this.enter(m), name);
    }
    const { stages, memory } = this.model, facts = stages.map((s) => `${s.name} ${s.nodes.length}`).join(" · ");
    this.element("facts").textContent = facts + (memory.peak_bytes ? ` · peak ${leat.bytes(memory.peak_bytes)}` : "");
  }
  // Shows another model in every pane: a sub-graph of a node, or what is around it.
  enter(model) {
    if (model === this.model) return;
    const inner = this.model;
    this.model = model;
    this.selected = null;
    this.showHead();
    for (const pane of this.panes) this.show(pane, pane.name);
    this.timeline.build();
    this.timeline.set(0, this.timeline.end);
    this.showDock();
    this.details.show();
    this.drawAll();
    if (inner.around === model) {
      const node = model.find("graph", inner.data.of);
      if (node) this.go(node);
    }
  }
  theme() {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    leat.colors();
    this.drawAll();
  }
  toggleDock() {
    const hide = !this.element("dock").hidden;
    this.element("dock").hidden = this.element("dock-grip").hidden = hide;
    this.element("dock-toggle").setAttribute("aria-pressed", String(!hide));
  }

  // Panes. A pane shows a stage, or the source text.
  addPane(name) {
    const root = document.createElement("div"), bar = document.createElement("div");
    root.className = "pane";
    bar.className = "pane-bar";
    bar.setAttribute("role", "tablist");
    const canvas = document.createElement("canvas"), source = document.createElement("div");
    source.className = "source";
    root.append(bar, canvas, source);
    this.element("panes").append(root);
    const pane = { root, bar, canvas, source, graph: new leat.Graph(canvas, this) };
    const names = [...this.model.stages.map((s) => s.name), "source"];
    for (const n of names) {
      const tab = document.createElement("button");
      tab.className = "tab";
      tab.textContent = n;
      tab.setAttribute("role", "tab");
      tab.onclick = () => this.show(pane, n);
      bar.append(tab);
    }
    const space = document.createElement("span");
    space.className = "space";
    bar.append(space);
    const button = (text, title, run) => {
      const b = document.createElement("button");
      b.className = "icon";
      b.textContent = text;
      b.title = title;
      b.setAttribute("aria-label", title);
      b.onclick = run;
      bar.append(b);
      return b;
    };
    button("⤢", "The whole picture (f)", () => pane.graph.fitAll());
    button("⊞", "Open every group", () => pane.graph.openAll(true));
    button("⊟", "Close every group", () => pane.graph.openAll(false));
    button("×", "Close this pane", () => {
      if (this.panes.length === 1) return;
      this.panes = this.panes.filter((p) => p !== pane);
      root.remove();
    });
    this.panes.push(pane);
    this.show(pane, name);
    return pane;
  }
  show(pane, name) {
    pane.name = name;
    for (const tab of pane.bar.querySelectorAll(".tab")) tab.setAttribute("aria-selected", String(tab.textContent === name));
    const stage = this.model.byName.get(name);
    pane.canvas.style.display = stage ? "" : "none";
    pane.source.style.display = stage ? "none" : "";
    if (stage) {
      pane.graph.show(stage);
      this.follow(pane);
    } else {
      this.fillSource(pane);
    }
  }
  fillSource(pane) {
    const graph = this.model.byName.get("graph"), places = new Map();
    for (const n of graph?.nodes ?? []) {
      if (!n.at) continue;
      if (!places.has(n.at)) places.set(n.at, []);
      places.get(n.at).push(n);
    }
    pane.source.replaceChildren();
    pane.lines = new Map();
    const add = (number, text, at) => {
      const line = document.createElement("div"), count = document.createElement("span");
      count.className = "number";
      count.textContent = number;
      line.append(count, text);
      if (places.has(at)) {
        line.className = "has";
        line.dataset.at = at;
        line.onclick = () => this.select(places.get(at).at(-1));
        pane.lines.set(at, line);
      }
      pane.source.append(line);
    };
    for (const [file, text] of Object.entries(this.model.sources)) {
      const head = document.createElement("h3");
      head.textContent = file;
      pane.source.append(head);
      text.replace(/\n$/, "").split("\n").forEach((line, i) => add(i + 1, line, `${file}:${i + 1}`));
    }
    const others = [...places.keys()].filter((at) => !pane.lines.has(at));
    if (others.length > 0) {
      const head = document.createElement("h3");
      head.textContent = "places";
      pane.source.append(head);
      for (const at of others.slice(0, 5000)) {
        add("", `${at}   ${places.get(at).map((n) => n.title).join(", ").slice(0, 80)}`, at);
      }
    }
    this.markSource(pane);
  }
  markSource(pane) {
    if (!pane.lines || pane.name !== "source") return;
    const marked = new Set(this.selected?.stage ? this.model.places(this.selected) : []);
    let first = null;
    for (const [at, line] of pane.lines) {
      line.classList.toggle("linked", marked.has(at));
      if (marked.has(at)) first ??= line;
    }
    first?.scrollIntoView({ block: "nearest" });
  }

  // Selection.
  nodesOf(item) {
    if (!item) return [];
    if (item.stage) return [item];
    return [...item.nodes, ...item.children.flatMap((c) => this.nodesOf(c))];
  }
  select(item, from) {
    this.selected = item;
    this.linked_ = new Map();
    for (const pane of this.panes) {
      if (pane.graph !== from && item) this.follow(pane);
      this.markSource(pane);
    }
    this.details.show();
    this.drawAll();
  }
  stageOf(item) { return item.stage ?? this.model.stages.find((s) => s.groups.get(item.id) === item); }
  marks(stage) {
    const item = this.selected;
    if (!item) return { chosen: [], linked: [] };
    if (this.stageOf(item) === stage) return { chosen: this.nodesOf(item), linked: [] };
    this.linked_ ??= new Map();
    if (!this.linked_.has(stage)) {
      const all = new Set();
      for (const n of this.nodesOf(item)) for (const l of this.model.linked(n, stage)) all.add(l);
      this.linked_.set(stage, [...all]);
    }
    return { chosen: [], linked: this.linked_.get(stage) };
  }
  // Brings what is selected into view in a pane where nothing of it is seen.
  follow(pane) {
    const stage = this.model.byName.get(pane.name);
    if (!stage || !this.selected) return;
    const { chosen, linked } = this.marks(stage), all = [...chosen, ...linked];
    if (all.length === 0 || pane.canvas.clientWidth === 0) return;
    const boxes = all.map((n) => pane.graph.boxFor(n)).filter(Boolean);
    if (boxes.length > 0 && !boxes.some((b) => pane.graph.isVisible(b))) pane.graph.center(boxes[0]);
  }
  // Selects a node and shows it, in a pane that has its stage or in the last one.
  go(node) {
    this.enter(node.stage.model);
    let pane = this.panes.find((p) => p.name === node.stage.name);
    if (!pane) {
      pane = this.panes.at(-1);
      this.show(pane, node.stage.name);
    }
    pane.graph.reveal(node);
    this.select(node, pane.graph);
  }
  drawAll() {
    for (const pane of this.panes) pane.graph.draw();
    this.timeline?.draw();
  }

  // What a box is, in a few lines.
  describe(item) {
    if (!item.stage) {
      return { title: item.name ?? "group", lines: [item.path, `${item.total} nodes`,
        item.kind === "repeat" ? "repeated structure: open it for each" : "double click opens it"].filter(Boolean) };
    }
    const lines = [];
    if (item.types) lines.push(item.types);
    if (item.bytes) lines.push(`${leat.bytes(item.bytes)}${item.kind === "step" ? " read and written" : ""}`);
    if (item.cost_ns !== undefined) lines.push(`estimated ${leat.time(item.cost_ns / 1e3)} on one worker`);
    const bars = this.model.barsOf.get(item.kind === "step" ? item.id : "");
    if (bars) lines.push(`measured ${leat.time(bars.reduce((s, b) => s + b.end_us - b.begin_us, 0))} in ${bars.length} ${bars.length === 1 ? "part" : "parts"}`);
    if (item.label) lines.push(`“${item.label}”${item.scope ? ` in ${item.scope}` : ""}`);
    else if (item.scope) lines.push(`scope ${item.scope}`);
    if (item.at) lines.push(item.at);
    if (item.why) lines.push(`on ${item.stage.model.device(item.device)}: ${item.why}`);
    if (item.gone) lines.push(`nothing left of it after ${item.gone}`);
    const bodies = this.model.bodiesOf(item);
    if (bodies.length > 0) lines.push(`double click opens its ${bodies.map((b) => b.data.role).join(", ")}`);
    return { title: `${item.id}  ${item.title}`, lines };
  }
  tip(what, e) {
    const tip = this.element("tip");
    tip.hidden = !what;
    if (!what) return;
    const head = document.createElement("b");
    head.textContent = what.title;
    tip.replaceChildren(head, what.lines.length ? "\n" + what.lines.join("\n") : "");
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = `${Math.min(e.clientX + 14, innerWidth - w - 8)}px`;
    tip.style.top = `${e.clientY + 16 + h > innerHeight ? e.clientY - h - 10 : e.clientY + 16}px`;
  }

  showSource(at) {
    const pane = this.panes.find((p) => p.name === "source") ?? (this.panes.length < 3 ? this.addPane("source") : this.panes.at(-1));
    if (pane.name !== "source") this.show(pane, "source");
    this.markSource(pane);
    pane.lines.get(at)?.scrollIntoView({ block: "center" });
  }

  buildSearch() {
    const query = this.element("query"), found = this.element("found");
    let hits = [], at = 0;
    const mark = () => [...found.children].forEach((li, i) => li.classList.toggle("at", i === at));
    const take = () => {
      if (!hits[at]) return;
      found.hidden = true;
      this.go(hits[at]);
    };
    query.oninput = () => {
      const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
      hits = [];
      if (words.length > 0) {
        const models = [this.model];  // the one that is shown first, then all around and in it
        const add = (m) => {
          if (!models.includes(m)) models.push(m);
          m.bodies.forEach(add);
        };
        add(this.root);
        search: for (const stage of models.flatMap((m) => m.stages)) {
          for (const n of stage.nodes) {
            const text = `${n.id} ${n.op} ${n.title} ${n.label ?? ""} ${n.scope ?? ""} ${n.at ?? ""} ${n.types ?? ""} ${stage.name}`.toLowerCase();
            if (!words.every((w) => text.includes(w))) continue;
            hits.push(n);
            if (hits.length === 60) break search;
          }
        }
      }
      const exact = hits.findIndex((n) => n.id === query.value.trim());
      if (exact > 0) hits.unshift(...hits.splice(exact, 1));
      at = 0;
      found.replaceChildren(...hits.map((n, i) => {
        const li = document.createElement("li"), stage = document.createElement("span");
        li.setAttribute("role", "option");
        li.textContent = `${n.id} ${n.title}${n.label ? ` “${n.label}”` : ""}`;
        stage.className = "stage";
        stage.textContent = n.stage.model.around ? `${n.stage.name}, ${n.stage.model.title}` : n.stage.name;
        li.append(stage);
        li.onmousedown = (e) => {
          e.preventDefault();
          at = i;
          take();
        };
        return li;
      }));
      if (words.length > 0 && hits.length === 0) {
        const li = document.createElement("li");
        li.textContent = "nothing found";
        found.append(li);
      }
      found.hidden = words.length === 0;
      mark();
    };
    query.onkeydown = (e) => {
      if (e.key === "ArrowDown" || e.key === "ArrowUp") {
        e.preventDefault();
        at = Math.max(0, Math.min(hits.length - 1, at + (e.key === "ArrowDown" ? 1 : -1)));
        mark();
        found.children[at]?.scrollIntoView({ block: "nearest" });
      } else if (e.key === "Enter") {
        take();
      } else if (e.key === "Escape") {
        found.hidden = true;
        query.blur();
      }
    };
    query.onfocus = () => { if (query.value) found.hidden = false; };
    query.onblur = () => { found.hidden = true; };
  }
  buildDock() {
    const bar = this.element("dock-bar"), t = this.timeline;
    const text = document.createElement("span");
    text.id = "dock-text";
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.onchange = () => {
      t.critical = box.checked;
      t.draw();
    };
    label.append(box, "critical path");
    bar.append(label, text);
    this.showDock();
    this.element("dock-toggle").setAttribute("aria-pressed", "true");
    if (t.bars.length === 0) this.toggleDock();
    if (!t.measured) this.element("dock").style.height = "150px";
    else if (t.tracks.length > 5) this.element("dock").style.height = `${Math.min(innerHeight * 0.45, 150 + 24 * t.tracks.length)}px`;
  }
  showDock() {
    const t = this.timeline;
    const path = t.path.length > 0 ? `critical path: ${t.path.length} steps, ${leat.time(t.measured
      ? t.span.get(t.path.at(-1)).end - t.span.get(t.path[0]).begin
      : t.path.reduce((s, id) => s + this.model.find("program", id).cost_ns / 1e3, 0))}` : "";
    this.element("dock-text").textContent = (t.measured ? `run of ${leat.time(t.end)}` : "no run: steps in order, estimated costs of one worker") +
      (path ? ` · ${path}` : "") + " · wheel zooms, drag moves, double click shows all";
  }
  buildGrips() {
    const drag = (grip, move) => {
      grip.onpointerdown = (e) => {
        grip.setPointerCapture(e.pointerId);
        grip.onpointermove = move;
        grip.onpointerup = () => (grip.onpointermove = null);
      };
    };
    drag(this.element("side-grip"), (e) => (this.element("details").style.width = `${Math.max(160, innerWidth - e.clientX)}px`));
    drag(this.element("dock-grip"), (e) => (this.element("dock").style.height = `${Math.max(60, innerHeight - e.clientY)}px`));
  }
};

document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
leat.page = new leat.Page(new leat.Model(JSON.parse(document.getElementById("data").textContent)));
