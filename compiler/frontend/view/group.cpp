// Scopes and repeats: a tree over the nodes of a view.
#include <algorithm>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "compiler/frontend/view/fold.h"

namespace leat::frontend {
namespace {

class Grouping {
 public:
  explicit Grouping(const View& view) : view_(view), inputs_(view.nodes.size()) {
    for (const ViewEdge& e : view.edges) inputs_[e.to].push_back(e.from);
  }

  Groups Run() {
    result_.groups.emplace_back();
    result_.of_node.assign(view_.nodes.size(), 0);
    PlaceInScopes();
    BuildItems();
    Dissolve();
    FindRepeats(0);
    Count(0);
    return std::move(result_);
  }

 private:
  std::int32_t ScopeGroup(const std::string& path) {
    if (path.empty()) return 0;
    const auto [it, is_new] = scopes_.try_emplace(path, 0);
    if (!is_new) return it->second;
    const std::size_t slash = path.rfind('/');
    const bool nested = slash != std::string::npos && slash > 0;
    const std::int32_t parent = nested ? ScopeGroup(path.substr(0, slash)) : 0;
    Group made;
    made.kind = Group::Kind::scope;
    made.parent = parent;
    made.name = nested ? path.substr(slash + 1) : path;
    made.path = path;
    result_.groups.push_back(std::move(made));
    return scopes_[path] = static_cast<std::int32_t>(result_.groups.size()) - 1;
  }

  // What has no scope of its own but is read in one only stands there: weights, constants, broadcasts of
  // them.
  void PlaceInScopes() {
    const std::size_t n = view_.nodes.size();
    std::vector<std::vector<std::uint32_t>> readers(n);
    for (const ViewEdge& e : view_.edges) readers[e.from].push_back(e.to);
    for (std::size_t i = n; i-- > 0;) {
      const ViewNode& node = view_.nodes[i];
      if (!node.scope.empty()) {
        result_.of_node[i] = ScopeGroup(node.scope);
        continue;
      }
      const bool fed_by_sources = std::all_of(inputs_[i].begin(), inputs_[i].end(),
                                              [&](std::uint32_t p) { return view_.nodes[p].is_source(); });
      const bool stands_for_sources =
          node.is_source() || node.op == "broadcast" || node.op == "reshape" || node.op == "iota";
      if (readers[i].empty() || !fed_by_sources || !stands_for_sources || node.kind == ViewNode::Kind::output)
        continue;
      const std::int32_t first = result_.of_node[readers[i][0]];
      const bool one = std::all_of(readers[i].begin(), readers[i].end(),
                                   [&](std::uint32_t r) { return result_.of_node[r] == first; });
      // Parameters of the whole program are worth seeing where little is grouped.
      if (one && !(node.kind == ViewNode::Kind::parameter && n < 40)) result_.of_node[i] = first;
    }
  }

  // Groups stand where their first node does.
  void BuildItems() {
    std::vector<bool> placed(result_.groups.size(), false);
    placed[0] = true;
    for (std::size_t n = 0; n < view_.nodes.size(); ++n) {
      std::int32_t g = result_.of_node[n];
      result_.groups[g].items.push_back(static_cast<std::int32_t>(n));
      for (; g != 0 && !placed[g]; g = result_.groups[g].parent) {
        placed[g] = true;
        result_.groups[result_.groups[g].parent].items.push_back(-1 - g);
      }
    }
  }

  // A scope around one thing says nothing: models have one for each node.
  void Dissolve() {
    for (std::size_t g = result_.groups.size(); g-- > 0;) {
      std::vector<std::int32_t>& items = result_.groups[g].items;
      for (std::int32_t& item : items) {
        while (item < 0 && Ops(-1 - item) <= 1 && result_.groups[-1 - item].items.size() == 1) {
          item = result_.groups[-1 - item].items[0];
        }
      }
      std::vector<std::int32_t> flat;
      for (const std::int32_t item : items) {
        if (item < 0 && Ops(-1 - item) <= 1) {
          const std::vector<std::int32_t>& inner = result_.groups[-1 - item].items;
          flat.insert(flat.end(), inner.begin(), inner.end());
        } else {
          flat.push_back(item);
        }
      }
      items = std::move(flat);
    }
  }
  std::size_t Ops(std::int32_t g) const {
    std::size_t count = 0;
    for (const std::int32_t item : result_.groups[g].items) {
      count += item < 0 ? std::max<std::size_t>(2, Ops(-1 - item)) : !view_.nodes[item].is_source();
    }
    return count;
  }

  void Flatten(std::int32_t item, std::vector<std::uint32_t>* to) const {
    if (item >= 0) {
      to->push_back(static_cast<std::uint32_t>(item));
      return;
    }
    for (const std::int32_t inner : result_.groups[-1 - item].items) Flatten(inner, to);
  }

  std::uint64_t Signature(std::int32_t item) const {
    if (item >= 0) {
      const ViewNode& node = view_.nodes[item];
      return absl::HashOf(node.signature, static_cast<int>(node.kind));
    }
    std::uint64_t all = 1;
    for (const std::int32_t inner : result_.groups[-1 - item].items) {
      if (inner >= 0 && view_.nodes[inner].is_source()) continue;
      all = absl::HashOf(all, Signature(inner));
    }
    return all;
  }

  struct Run_ {
    std::size_t begin = 0, period = 0, count = 0;
    std::size_t saved = 0;
  };

  // Whether the repetitions of `items` from begin on are wired alike; how many are.
  std::size_t Alike(const std::vector<std::int32_t>& items, std::size_t begin, std::size_t period,
                    std::size_t count) const {
    absl::flat_hash_map<std::uint32_t, std::pair<std::size_t, std::size_t>> where;
    std::vector<std::vector<std::uint32_t>> nodes(count);
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t o = 0; o < period; ++o) Flatten(items[begin + r * period + o], &nodes[r]);
      std::erase_if(nodes[r], [&](std::uint32_t n) { return view_.nodes[n].is_source(); });
      if (nodes[r].size() != nodes[0].size()) return r;
      for (std::size_t i = 0; i < nodes[r].size(); ++i) where[nodes[r][i]] = {r, i};
    }
    // Of an operand: how many repetitions back, and which node there; -1 for outside.
    const auto relation = [&](std::size_t r, std::uint32_t p) -> std::pair<std::ptrdiff_t, std::size_t> {
      const auto it = where.find(p);
      if (it == where.end()) return {-1, 0};
      return {static_cast<std::ptrdiff_t>(r) - static_cast<std::ptrdiff_t>(it->second.first),
              it->second.second};
    };
    // What the first one reads from outside stands for what the second one reads of the first.
    absl::flat_hash_map<std::size_t, std::uint32_t> outside;
    for (std::size_t r = 1; r < count; ++r) {
      const std::size_t like = r > 1 ? 1 : 0;
      for (std::size_t i = 0; i < nodes[r].size(); ++i) {
        const auto &a = inputs_[nodes[like][i]], &b = inputs_[nodes[r][i]];
        if (a.size() != b.size()) return r;
        std::vector<std::pair<std::ptrdiff_t, std::size_t>> x, y;
        std::vector<std::size_t> before;
        std::vector<std::uint32_t> from;
        for (std::size_t k = 0; k < a.size(); ++k) {
          x.push_back(relation(like, a[k]));
          y.push_back(relation(r, b[k]));
          if (like == 1) continue;
          if (x.back().first < 0 && !view_.nodes[a[k]].is_source()) from.push_back(a[k]);
          if (y.back().first > 0) {
            before.push_back(y.back().second);
            y.back() = {-1, 0};
          }
        }
        std::sort(x.begin(), x.end());
        std::sort(y.begin(), y.end());
        if (x != y) return r;
        if (before.size() == 1 && from.size() == 1) {
          if (outside.try_emplace(before[0], from[0]).first->second != from[0]) return r;
        }
      }
    }
    return count;
  }

  // How many values cross from before item `at` to behind it: few where one layer ends and the next begins.
  std::vector<std::size_t> Crossings(const std::vector<std::int32_t>& items) const {
    absl::flat_hash_map<std::uint32_t, std::size_t> item_of;
    std::vector<std::uint32_t> nodes;
    for (std::size_t i = 0; i < items.size(); ++i) {
      nodes.clear();
      Flatten(items[i], &nodes);
      for (const std::uint32_t n : nodes) item_of[n] = i;
    }
    std::vector<std::size_t> last(view_.nodes.size(), 0);
    for (const auto& [n, i] : item_of) {
      for (const std::uint32_t p : inputs_[n]) last[p] = std::max(last[p], i);
    }
    std::vector<std::ptrdiff_t> change(items.size() + 2, 0);
    for (const auto& [n, i] : item_of) {
      if (view_.nodes[n].is_source() || last[n] <= i) continue;
      ++change[i + 1];
      --change[last[n] + 1];
    }
    std::vector<std::size_t> crossings(items.size() + 1, 0);
    std::ptrdiff_t at = 0;
    for (std::size_t i = 0; i <= items.size(); ++i) {
      at += change[i];
      crossings[i] = static_cast<std::size_t>(at);
    }
    return crossings;
  }

  // The run of neighbours that saves most when it is shown once; saved == 0: none.
  Run_ BestRun(const std::vector<std::int32_t>& items, const std::vector<std::uint64_t>& signatures,
               const std::vector<std::size_t>& weight, const std::vector<std::size_t>& crossings) const {
    constexpr std::size_t kLongestPeriod = 2048;
    struct Candidate {
      std::size_t begin, period, length, saved;
    };
    std::vector<Candidate> candidates;
    const std::size_t n = items.size();
    for (std::size_t period = 1; period <= std::min(n / 2, kLongestPeriod); ++period) {
      for (std::size_t i = 0; i + period < n;) {
        std::size_t j = i;
        while (j + period < n && signatures[j] == signatures[j + period]) ++j;
        if (j - i >= period) {
          std::size_t saved = 0;
          for (std::size_t k = i + period; k < j + period; ++k) saved += weight[k];
          candidates.push_back({i, period, j - i + period, saved});
        }
        i = j + 1;
      }
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.saved > b.saved; });
    constexpr std::size_t kMostTries = 64, kLeastSaved = 6;
    for (std::size_t c = 0; c < std::min(candidates.size(), kMostTries); ++c) {
      const Candidate& run = candidates[c];
      if (run.saved < kLeastSaved) break;
      Run_ best;
      std::size_t fewest = ~std::size_t{0};
      for (std::size_t shift = 0; shift < std::min(run.period, run.length - run.period); ++shift) {
        const std::size_t count = (run.length - shift) / run.period;
        if (count < 2 || crossings[run.begin + shift + run.period] >= fewest) continue;
        const std::size_t alike = Alike(items, run.begin + shift, run.period, count);
        if (alike < 2) continue;
        fewest = crossings[run.begin + shift + run.period];
        best = {run.begin + shift, run.period, alike, 0};
        if (fewest <= 1) break;
      }
      for (std::size_t k = best.begin + best.period; k < best.begin + best.count * best.period; ++k) {
        best.saved += weight[k];
      }
      if (best.saved >= kLeastSaved) return best;
    }
    return {};
  }

  void FindRepeats(std::int32_t g) {
    // Sources are no part of a run: they stand where they were made, which is anywhere.
    std::vector<std::int32_t> sources, items;
    for (const std::int32_t item : result_.groups[g].items) {
      (item >= 0 && view_.nodes[item].is_source() ? sources : items).push_back(item);
    }
    for (const std::int32_t item : items) {
      if (item < 0) FindRepeats(-1 - item);
    }
    std::vector<std::int32_t> folded = sources;
    Split(items, g, &folded);
    // In the order of their first nodes again.
    std::stable_sort(folded.begin(), folded.end(),
                     [&](std::int32_t a, std::int32_t b) { return First(a) < First(b); });
    result_.groups[g].items = std::move(folded);
    AdoptSources(g);
  }

  std::uint32_t First(std::int32_t item) const {
    if (item >= 0) return static_cast<std::uint32_t>(item);
    std::uint32_t first = ~0u;
    for (const std::int32_t inner : result_.groups[-1 - item].items) first = std::min(first, First(inner));
    return first;
  }

  void Split(const std::vector<std::int32_t>& items, std::int32_t g, std::vector<std::int32_t>* to) {
    std::vector<std::uint64_t> signatures;
    std::vector<std::size_t> weight;
    for (const std::int32_t item : items) {
      signatures.push_back(Signature(item));
      std::vector<std::uint32_t> nodes;
      Flatten(item, &nodes);
      weight.push_back(nodes.size());
    }
    const Run_ run = items.size() < 2 ? Run_{} : BestRun(items, signatures, weight, Crossings(items));
    if (run.saved == 0) {
      to->insert(to->end(), items.begin(), items.end());
      return;
    }
    const auto part = [&](std::size_t begin, std::size_t end) {
      return std::vector<std::int32_t>(items.begin() + static_cast<std::ptrdiff_t>(begin),
                                       items.begin() + static_cast<std::ptrdiff_t>(end));
    };
    const auto repeat = static_cast<std::int32_t>(result_.groups.size());
    Group made;
    made.kind = Group::Kind::repeat;
    made.parent = g;
    result_.groups.push_back(made);
    std::string name;
    for (std::size_t r = 0; r < run.count; ++r) {
      const std::vector<std::int32_t> inner =
          part(run.begin + r * run.period, run.begin + (r + 1) * run.period);
      std::int32_t instance = inner[0] < 0 && run.period == 1 ? -1 - inner[0] : -1;
      if (instance < 0) {
        instance = static_cast<std::int32_t>(result_.groups.size());
        Group one;
        one.kind = Group::Kind::instance;
        one.name = absl::StrCat("#", r + 1);
        result_.groups.push_back(std::move(one));
        std::vector<std::int32_t> inside;
        Split(inner, instance, &inside);
        result_.groups[instance].items = std::move(inside);
      } else if (r == 0) {
        name = result_.groups[instance].name;
      }
      result_.groups[instance].parent = repeat;
      result_.groups[repeat].items.push_back(-1 - instance);
    }
    if (!name.empty()) {  // "layer0" repeats as "layer"
      while (name.size() > 1 && (std::isdigit(static_cast<unsigned char>(name.back())) != 0 ||
                                 name.back() == '.' || name.back() == '_')) {
        name.pop_back();
      }
    } else {
      name = absl::StrCat(run.period, " ops");
    }
    result_.groups[repeat].name = absl::StrCat(name, " \u00d7", run.count);
    Split(part(0, run.begin), g, to);
    to->push_back(-1 - repeat);
    Split(part(run.begin + run.count * run.period, items.size()), g, to);
  }

  // Sources that one instance only reads go into it.
  void AdoptSources(std::int32_t g) {
    absl::flat_hash_map<std::uint32_t, std::int32_t> instance_of;
    const auto walk = [&](const auto& self, std::int32_t group, std::int32_t inside) -> void {
      for (const std::int32_t item : result_.groups[group].items) {
        if (item >= 0) {
          if (inside >= 0) instance_of[static_cast<std::uint32_t>(item)] = inside;
        } else if (result_.groups[-1 - item].kind == Group::Kind::repeat) {
          for (const std::int32_t i : result_.groups[-1 - item].items) self(self, -1 - i, -1 - i);
        } else {
          self(self, -1 - item, inside);
        }
      }
    };
    walk(walk, g, -1);
    if (instance_of.empty()) return;
    absl::flat_hash_map<std::uint32_t, std::int32_t> reader;  // of a source: the instance, or -1 for several
    for (const ViewEdge& e : view_.edges) {
      if (!view_.nodes[e.from].is_source()) continue;
      const auto it = instance_of.find(e.to);
      const std::int32_t inside = it == instance_of.end() ? -1 : it->second;
      const auto [known, is_new] = reader.try_emplace(e.from, inside);
      if (!is_new && known->second != inside) known->second = -1;
    }
    std::vector<std::int32_t>& items = result_.groups[g].items;
    std::vector<std::pair<std::int32_t, std::int32_t>> moved;
    std::erase_if(items, [&](std::int32_t item) {
      if (item < 0 || !view_.nodes[item].is_source()) return false;
      const auto it = reader.find(static_cast<std::uint32_t>(item));
      if (it == reader.end() || it->second < 0) return false;
      moved.emplace_back(it->second, item);
      return true;
    });
    for (const auto& [instance, item] : moved) {
      std::vector<std::int32_t>& inner = result_.groups[instance].items;
      inner.insert(std::upper_bound(inner.begin(), inner.end(), item,
                                    [&](std::int32_t a, std::int32_t b) { return First(a) < First(b); }),
                   item);
    }
  }

  // What is reached from the root, groups that were dissolved left out.
  std::size_t Count(std::int32_t g) {
    std::size_t count = 0;
    for (const std::int32_t item : result_.groups[g].items) {
      if (item >= 0) {
        result_.of_node[item] = g;
        ++count;
      } else {
        result_.groups[-1 - item].parent = g;
        count += Count(-1 - item);
      }
    }
    return result_.groups[g].nodes = count;
  }

  const View& view_;
  std::vector<std::vector<std::uint32_t>> inputs_;
  Groups result_;
  std::map<std::string, std::int32_t> scopes_;
};

}  // namespace

Groups group(const View& view) { return Grouping(view).Run(); }

}  // namespace leat::frontend
