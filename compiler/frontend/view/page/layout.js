"use strict";
// A layered layout (Sugiyama's): ranks, order within ranks, coordinates. Groups that are open are laid out by
// themselves and are boxes to what is around them; an edge enters and leaves a group through a port on its frame.

// Boxes {w, h, source?, first?, last?} and edges {a, b, fromX?, toX?} (indices; offsets of the ends from the middle
// of their boxes). Sets x and y (the middle) of boxes and `points` of edges; returns the size.
leat.layered = (boxes, edges, gapX = 22, gapY = 34) => {
  const n = boxes.length;
  if (n === 0) return { w: 0, h: 0 };
  const next = boxes.map(() => []), prev = boxes.map(() => []);
  // Collapsed groups may form cycles: an edge back to what is being visited is turned for the layout.
  const state = new Uint8Array(n);
  for (const e of edges) next[e.a].push(e);
  for (let root = 0; root < n; ++root) {
    const stack = state[root] === 0 ? [[root, 0]] : [];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      state[top[0]] = 1;
      if (top[1] === next[top[0]].length) {
        state[top[0]] = 2;
        stack.pop();
        continue;
      }
      const e = next[top[0]][top[1]++];
      if (state[e.b] === 1) e.turned = true;
      if (state[e.b] === 0) stack.push([e.b, 0]);
    }
  }
  const arcs = edges.map((e) => e.turned ? { e, a: e.b, b: e.a } : { e, a: e.a, b: e.b });
  for (const list of next) list.length = 0;
  for (const arc of arcs) {
    next[arc.a].push(arc);
    prev[arc.b].push(arc);
  }
  // Ranks: as early as possible; sources as late as possible.
  const rank = new Int32Array(n), waiting = prev.map((p) => p.length), order = [];
  for (let i = 0; i < n; ++i) if (waiting[i] === 0) order.push(i);
  for (let k = 0; k < order.length; ++k) {
    for (const arc of next[order[k]]) {
      rank[arc.b] = Math.max(rank[arc.b], rank[order[k]] + 1);
      if (--waiting[arc.b] === 0) order.push(arc.b);
    }
  }
  for (let k = order.length - 1; k >= 0; --k) {
    const i = order[k];
    if (prev[i].length > 0 || next[i].length === 0 || boxes[i].first) continue;
    rank[i] = Math.min(...next[i].map((arc) => rank[arc.b])) - 1;
  }
  let least = 0, most = 0;
  for (let i = 0; i < n; ++i) {
    least = Math.min(least, rank[i]);
    most = Math.max(most, rank[i]);
  }
  for (let i = 0; i < n; ++i) {
    if (boxes[i].first) rank[i] = Math.min(least, next[i].length ? Math.min(...next[i].map((a) => rank[a.b])) - 1 : 0);
  }
  for (let i = 0; i < n; ++i) least = Math.min(least, rank[i]);
  for (let i = 0; i < n; ++i) {
    if (boxes[i].last) rank[i] = Math.max(most, ...prev[i].map((a) => rank[a.a] + 1));
    most = Math.max(most, rank[i]);
  }
  const layers = Array.from({ length: most - least + 1 }, () => []);
  // Items: the boxes, and a bend for each rank that an edge passes.
  const items = boxes.map((b, i) => ({ w: b.w, rank: rank[i] - least, up: [], down: [] }));
  // What an item is joined to: the other one, how straight the edge should be, where its middle should then stand
  // relative to the other's, and where on the other one it ends.
  const link = (a, b, weight, fromX, toX) => {
    a.down.push([b, weight, toX - fromX, toX / (b.w + 1)]);
    b.up.push([a, weight, fromX - toX, fromX / (a.w + 1)]);
  };
  for (const arc of arcs) {
    let at = items[arc.a];
    const fromX = (arc.e.turned ? arc.e.toX : arc.e.fromX) ?? 0, toX = (arc.e.turned ? arc.e.fromX : arc.e.toX) ?? 0;
    arc.chain = [];
    for (let r = at.rank + 1; r < items[arc.b].rank; ++r) {
      const bend = { w: 2, rank: r, up: [], down: [], bend: true };
      items.push(bend);
      arc.chain.push(bend);
      link(at, bend, at.bend ? 8 : 2, at.bend ? 0 : fromX, 0);
      at = bend;
    }
    link(at, items[arc.b], at.bend ? 2 : 1, at.bend ? 0 : fromX, toX);
  }
  // First order: a walk from the roots, which keeps chains together.
  const seen = new Set();
  for (const root of items) {
    if (root.up.length > 0 && !seen.has(root)) continue;
    const stack = [root];
    while (stack.length > 0) {
      const it = stack.pop();
      if (seen.has(it)) continue;
      seen.add(it);
      layers[it.rank].push(it);
      for (let k = it.down.length - 1; k >= 0; --k) stack.push(it.down[k][0]);
    }
  }
  for (const it of items) if (!seen.has(it)) layers[it.rank].push(it);
  const number = () => { for (const layer of layers) layer.forEach((it, k) => (it.k = k)); };
  number();
  const sweeps = items.length > 20000 ? 4 : items.length > 4000 ? 8 : 16;
  const middle = (list) => {
    if (list.length === 0) return null;
    const ks = list.map(([it, , , part]) => it.k + part).sort((a, b) => a - b), m = ks.length >> 1;
    return ks.length % 2 === 1 || ks.length === 2 ? (ks[m] + ks[(ks.length - 1) >> 1]) / 2 : (ks[m - 1] + ks[m]) / 2;
  };
  const crossings = () => {
    let sum = 0;
    for (const layer of layers) {
      const ends = [];
      for (const it of layer) ends.push(...it.down.map(([d]) => d.k).sort((a, b) => a - b));
      const width = ends.reduce((m, k) => Math.max(m, k), 0) + 2, tree = new Int32Array(width + 1);
      for (let i = ends.length - 1; i >= 0; --i) {
        for (let k = ends[i]; k > 0; k -= k & -k) sum += tree[k];
        for (let k = ends[i] + 1; k <= width; k += k & -k) ++tree[k];
      }
    }
    return sum;
  };
  let best = crossings(), kept = layers.map((l) => l.slice());
  for (let sweep = 0; sweep < sweeps && (best > 0 || sweep < 2); ++sweep) {
    const down = sweep % 2 === 0;
    for (let r = 1; r < layers.length; ++r) {
      const layer = layers[down ? r : layers.length - 1 - r];
      for (const it of layer) it.m = middle(down ? it.up : it.down);
      const fixed = layer.map((it) => (it.m === null ? it : null));
      const moving = layer.filter((it) => it.m !== null).sort((a, b) => a.m - b.m || a.k - b.k);
      let next_ = 0;
      for (let k = 0; k < layer.length; ++k) layer[k] = fixed[k] ?? moving[next_++];
      layer.forEach((it, k) => (it.k = k));
    }
    const now = crossings();
    if (now < best || (now === best && sweep < 4)) {
      best = now;
      kept = layers.map((l) => l.slice());
    }
  }
  kept.forEach((l, r) => (layers[r] = l));
  number();
  // Coordinates: each layer as near to what it is joined to as the widths allow (weighted isotonic regression).
  const gap = (a, b) => (a.w + b.w) / 2 + (a.bend && b.bend ? 8 : gapX);
  for (const layer of layers) {
    let x = 0;
    layer.forEach((it, k) => (it.x = x = k === 0 ? 0 : x + gap(layer[k - 1], it)));
    for (const it of layer) it.x -= x / 2;
  }
  const settle = (layer, sides) => {
    const blocks = [];
    let shift = 0;
    layer.forEach((it, k) => {
      if (k > 0) shift += gap(layer[k - 1], it);
      let sum = 0, weight = 0;
      for (const side of sides) for (const [other, w, apart] of it[side]) {
        sum += w * (other.x + apart);
        weight += w;
      }
      let block = { sum: 0, weight: 0, from: k, shift };
      block.weight = weight > 0 ? weight : 0.01;
      block.sum = block.weight * ((weight > 0 ? sum / weight : it.x) - shift);
      it.shift = shift;
      while (blocks.length > 0 && blocks.at(-1).sum / blocks.at(-1).weight > block.sum / block.weight) {
        const before = blocks.pop();
        block = { sum: before.sum + block.sum, weight: before.weight + block.weight, from: before.from };
      }
      blocks.push(block);
    });
    blocks.forEach((block, b) => {
      const to = b + 1 < blocks.length ? blocks[b + 1].from : layer.length;
      for (let k = block.from; k < to; ++k) layer[k].x = block.sum / block.weight + layer[k].shift;
    });
  };
  const rounds = items.length > 20000 ? 3 : 8;
  for (let round = 0; round < rounds; ++round) {
    for (let r = 1; r < layers.length; ++r) settle(layers[r], ["up"]);
    for (let r = layers.length - 2; r >= 0; --r) settle(layers[r], ["down"]);
  }
  for (const layer of layers) settle(layer, ["up", "down"]);
  let y = 0, left = Infinity, right = -Infinity;
  const heights = layers.map(() => 0);
  boxes.forEach((b, i) => (heights[items[i].rank] = Math.max(heights[items[i].rank], b.h)));
  layers.forEach((layer, r) => {
    for (const it of layer) {
      it.y = y + heights[r] / 2;
      it.half = heights[r] / 2;
      left = Math.min(left, it.x - it.w / 2);
      right = Math.max(right, it.x + it.w / 2);
    }
    y += heights[r] + (heights[r] > 0 || r === 0 ? gapY : gapY / 2);
  });
  boxes.forEach((b, i) => {
    b.x = items[i].x - left;
    b.y = b.first ? 0 : items[i].y;
  });
  for (const arc of arcs) {
    const e = arc.e, a = boxes[e.a], b = boxes[e.b];
    const bends = [];
    for (const bend of arc.chain) bends.push([bend.x - left, bend.y - bend.half], [bend.x - left, bend.y + bend.half]);
    if (e.turned) bends.reverse();
    e.points = [[a.x + (e.fromX ?? 0), a.y + (e.turned ? -a.h / 2 : a.h / 2)], ...bends,
      [b.x + (e.toX ?? 0), b.y + (e.turned ? b.h / 2 : -b.h / 2)]];
  }
  return { w: right - left, h: y - gapY };
};

// The whole picture of a stage: `open` has the ids of the groups that show what is in them. Gives
// {w, h, boxes: [{node | group, x, y, w, h (top left), open, depth}], edges: [{points, from, to, cause}]}.
leat.layout = (stage, open, measure) => {
  // What stands for each node, and the open groups around it.
  const chainOf = new Map();
  const chain = (g) => {
    if (!chainOf.has(g)) chainOf.set(g, g.id === 0 ? [g] : [...chain(stage.groups.get(g.parent)), g]);
    return chainOf.get(g);
  };
  const standsFor = new Map();
  for (const node of stage.nodes) {
    const around = chain(node.home);
    const closed = around.findIndex((g) => g.id !== 0 && !open.has(g.id));
    standsFor.set(node, closed < 0 ? { key: node, around } : { key: around[closed], around: around.slice(0, closed) });
  }
  const hidden = (node) => node.kind === "constant" && /\[\]$/.test(node.types ?? "") && node.outputs.length > 0;
  const plans = new Map();
  const plan = (g) => {
    if (!plans.has(g)) plans.set(g, { group: g, items: new Map(), edges: new Map(), inPorts: new Map(), outPorts: new Map() });
    return plans.get(g);
  };
  plan(stage.groups.get(0));
  for (const node of stage.nodes) {
    if (hidden(node)) continue;
    const { key, around } = standsFor.get(node);
    around.forEach((g, d) => plan(g).items.set(around[d + 1] ?? key, true));
  }
  const join = (p, a, b, more) => {
    const id = p.ids ??= new Map();
    const key = [a, b].map((x) => { if (!id.has(x)) id.set(x, id.size); return id.get(x); }).join(" ");
    if (!p.edges.has(key)) p.edges.set(key, { from: a, to: b, edges: [], ...more });
    p.edges.get(key).edges.push(more.edge);
  };
  const port = (map, key, side) => {
    if (!map.has(key)) map.set(key, { port: side, key });
    return map.get(key);
  };
  for (const edge of stage.edges) {
    // In a large program edges that only reuse memory would hide what flows.
    if (hidden(edge.source) || (edge.cause && stage.nodes.length > 100)) continue;
    const u = standsFor.get(edge.source), v = standsFor.get(edge.target);
    if (u.key === v.key) continue;
    let k = 0;
    while (k + 1 < u.around.length && k + 1 < v.around.length && u.around[k + 1] === v.around[k + 1]) ++k;
    for (let d = k + 1; d < u.around.length; ++d) {
      const p = plan(u.around[d]);
      join(p, u.around[d + 1] ?? u.key, port(p.outPorts, u.key, "out"), { edge, source: u.key });
    }
    for (let d = k + 1; d < v.around.length; ++d) {
      const p = plan(v.around[d]);
      join(p, port(p.inPorts, u.key, "in"), v.around[d + 1] ?? v.key, { edge, source: u.key });
    }
    join(plan(u.around[k]), u.around[k + 1] ?? u.key, v.around[k + 1] ?? v.key, { edge, source: u.key });
  }
  const pad = 14, head = 24;
  const solve = (g, depth) => {
    const p = plans.get(g) ?? plan(g);
    const boxes = [], index = new Map();
    const add = (item, box) => {
      index.set(item, boxes.length);
      boxes.push({ item, ...box });
    };
    for (const q of p.inPorts.values()) add(q, { w: 6, h: 0, first: true });
    for (const item of p.items.keys()) {
      const inner = item.stage === undefined && open.has(item.id) ? solve(item, depth + 1) : null;
      add(item, inner ? { w: inner.w, h: inner.h, inner } : measure(item));
    }
    for (const q of p.outPorts.values()) add(q, { w: 6, h: 0, last: true });
    const edges = [...p.edges.values()].map((e) => {
      const a = boxes[index.get(e.from)], b = boxes[index.get(e.to)];
      const out = a.inner?.outX.get(e.source), into = b.inner?.inX.get(e.source);
      return { a: index.get(e.from), b: index.get(e.to), fromX: out && out - a.w / 2, toX: into && into - b.w / 2, all: e.edges,
        fromPort: e.from.port, toPort: e.to.port };
    });
    const size = leat.layered(boxes, edges);
    const framed = g.id !== 0, w = Math.max(size.w + (framed ? 2 * pad : 0), framed ? measure(g).w : 0);
    const h = size.h + (framed ? head + pad : 0), dx = (w - size.w) / 2, dy = framed ? head : 0;
    const inX = new Map(), outX = new Map();
    for (const b of boxes) {
      b.x += dx;
      b.y += dy;
      if (b.item.port === "in") inX.set(b.item.key, b.x);
      if (b.item.port === "out") outX.set(b.item.key, b.x);
    }
    for (const e of edges) {
      for (const q of e.points) {
        q[0] += dx;
        q[1] += dy;
      }
      if (e.fromPort) e.points[0][1] = 0;
      if (e.toPort) e.points.at(-1)[1] = h;
    }
    return { group: g, w, h, boxes, edges, inX, outX };
  };
  const result = { boxes: [], edges: [] };
  const place = (solved, x, y, depth) => {
    for (const b of solved.boxes) {
      if (b.item.port) continue;
      const box = { x: x + b.x - b.w / 2, y: y + b.y - b.h / 2, w: b.w, h: b.h, depth, open: !!b.inner };
      box[b.item.stage ? "node" : "group"] = b.item;
      result.boxes.push(box);
      if (b.inner) place(b.inner, box.x, box.y, depth + 1);
    }
    for (const e of solved.edges) {
      const points = e.points.map(([px, py]) => [px + x, py + y]);
      result.edges.push({ points, all: e.all, arrow: !e.toPort && !solved.boxes[e.b].inner, back: !!e.turned });
    }
  };
  const root = solve(stage.groups.get(0), 0);
  place(root, 0, 0, 0);
  return { ...result, w: root.w, h: root.h };
};
