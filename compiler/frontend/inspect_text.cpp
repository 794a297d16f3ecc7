// An Inspection as text for people and as JSON for programs.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "compiler/cost_model.h"
#include "leat/inspect.h"

namespace leat {
namespace {

// "1.50 GB" with decimal prefixes.
std::string quantity(double x, const char* unit) {
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t p = 0;
  while (std::abs(x) >= 999.5 && p + 1 < std::size(kPrefixes)) {
    x /= 1000;
    ++p;
  }
  char text[48];
  std::snprintf(text, sizeof text,
                p == 0 || x >= 99.95 ? "%.0f %s%s"
                : x >= 9.995         ? "%.1f %s%s"
                                     : "%.2f %s%s",
                x, kPrefixes[p], unit);
  std::string s = text;
  while (!s.empty() && s.back() == ' ') s.pop_back();
  return s;
}
using compiler::time_text;
std::string bytes_text(double bytes) { return quantity(bytes, "B"); }

std::string ratio_text(double x) {
  char text[32];
  std::snprintf(text, sizeof text, x >= 10 ? "%.0f" : "%.2g", x);
  return text;
}

// Columns as wide as they need to be; numbers to the right, and the last column as it is.
class Table {
 public:
  explicit Table(std::string left) : left_(std::move(left)) {}  // which columns are words: "lrrl"
  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string ToString() const {
    std::vector<std::size_t> width(left_.size(), 0);
    for (const auto& row : rows_) {
      for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
    }
    std::string s;
    for (const auto& row : rows_) {
      std::string line = " ";
      for (std::size_t c = 0; c < row.size(); ++c) {
        const std::string pad(width[c] - row[c].size(), ' ');
        absl::StrAppend(&line, " ", left_[c] == 'l' ? row[c] + pad : pad + row[c]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      absl::StrAppend(&s, line, "\n");
    }
    return s;
  }

 private:
  std::string left_;
  std::vector<std::vector<std::string>> rows_;
};

// The levels of a quantity over at most `columns` columns, each the greatest of its part.
std::string profile(const std::vector<double>& values, std::size_t columns) {
  static constexpr const char* kBars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double most = *std::max_element(values.begin(), values.end());
  const std::size_t n = values.size(), shown = std::min(n, columns);
  std::string s;
  for (std::size_t c = 0; c < shown; ++c) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(c * n / shown);
    const auto last = values.begin() + static_cast<std::ptrdiff_t>((c + 1) * n / shown);
    const double x = *std::max_element(first, last);
    s += kBars[most > 0 ? std::min<std::size_t>(7, static_cast<std::size_t>(x / most * 7.999)) : 0];
  }
  return s;
}

std::string shortened(const std::vector<std::string>& ops, const char* between = " ") {
  std::string s;
  for (std::size_t k = 0; k < ops.size() && k < 6; ++k) absl::StrAppend(&s, k == 0 ? "" : between, ops[k]);
  if (ops.size() > 6) absl::StrAppend(&s, " +", ops.size() - 6);
  return s;
}

// What runs on a device and how it came there: ops with one reason together, the most frequent first.
std::string placement_text(const Inspection& seen, const std::string& device) {
  double busy = 0;
  int steps = 0, nodes = 0;
  for (const Inspection::Step& step : seen.steps) {
    if (step.device != device) continue;
    busy += step.estimate_ns;
    ++steps;
  }
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const Inspection::Placement& p : seen.placements) {
    if (p.device != device || p.op == "copy") continue;  // copies have lines of their own
    by_reason[p.why.substr(0, p.why.find(": "))].push_back(p.node + " " + p.op);
    ++nodes;
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons(by_reason.begin(), by_reason.end());
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  std::string s =
      absl::StrCat("  ", device, ": ", nodes, " nodes in ", steps, " steps, ", time_text(busy), "\n");
  for (const auto& [why, of] : reasons) {
    absl::StrAppend(&s, "    ", why, ": ", shortened(of, ", "), "\n");
  }
  return s;
}

// What an op, a step or a program does, in three numbers.
std::vector<std::string> work_row(std::string name, std::int64_t count, double operations,
                                  double transcendentals, double bytes) {
  return {std::move(name), std::to_string(count), quantity(operations, ""), quantity(transcendentals, ""),
          bytes_text(bytes)};
}
template <class Doer>
void put_work(nlohmann::ordered_json& to, const Doer& doer) {
  to["operations"] = doer.operations;
  to["transcendentals"] = doer.transcendentals;
  to["bytes"] = doer.bytes;
}

std::string more(std::size_t all, std::size_t shown, const char* what) {
  return all > shown ? absl::StrCat("  ... and ", all - shown, " more ", what, "\n") : "";
}

}  // namespace

std::string Inspection::ToString(int rows) const {
  const auto limit = [&](std::size_t n) {
    return rows > 0 ? std::min(n, static_cast<std::size_t>(rows)) : n;
  };
  std::string s = absl::StrCat("program @", name, "\n");
  const auto values = [&](const char* title, const std::vector<Value>& list) {
    Table table("llr");
    for (std::size_t k = 0; k < limit(list.size()); ++k) {
      table.Row({list[k].name.empty() ? std::to_string(k) : list[k].name, list[k].type,
                 bytes_text(static_cast<double>(list[k].bytes))});
    }
    absl::StrAppend(&s, title, " (", list.size(), ")\n", table.ToString(),
                    more(list.size(), limit(list.size()), title));
  };
  values("inputs", inputs);
  values("outputs", outputs);
  if (parameters.empty()) {
    s += "parameters: none (constants of more than one element)\n";
  } else {
    Table table("lrrr");
    for (const Parameters& p : parameters) {
      table.Row({std::string(leat::name(p.dtype)), absl::StrCat(p.arrays, " arrays"),
                 quantity(static_cast<double>(p.elements), ""), bytes_text(static_cast<double>(p.bytes))});
    }
    absl::StrAppend(&s, "parameters\n", table.ToString());
  }

  {
    Table table("lrrrr");
    table.Row({"op", "count", "operations", "transcendental", "bytes"});
    for (std::size_t k = 0; k < limit(ops.size()); ++k) {
      table.Row(work_row(ops[k].op, ops[k].count, ops[k].operations, ops[k].transcendentals, ops[k].bytes));
    }
    const std::int64_t count = std::accumulate(ops.begin(), ops.end(), std::int64_t{0},
                                               [](std::int64_t n, const OpKind& o) { return n + o.count; });
    table.Row(work_row("total", count, operations, transcendentals, bytes_unfused));
    absl::StrAppend(&s, "ops as written", has_loops ? " (one turn of each loop)" : "", "\n", table.ToString(),
                    more(ops.size(), limit(ops.size()), "kinds, in the total"));
  }

  const double intensity = bytes > 0 ? operations / bytes : 0;
  absl::StrAppend(&s, "arithmetic intensity: ", quantity(operations, "OP"), " on ", bytes_text(bytes),
                  " after fusion (", bytes_text(bytes_unfused), " op by op): ", ratio_text(intensity),
                  " OP/B\n");
  if (roofline) {
    double least = 0;
    for (const Step& step : steps) least += step.roofline_ns;
    absl::StrAppend(&s, "  machine: ", quantity(roofline->operations_per_second, "OP/s"), ", ",
                    quantity(roofline->bytes_per_second, "B/s"), ", balance ",
                    ratio_text(roofline->balance()), " OP/B; ", roofline->source, "\n");
    absl::StrAppend(&s, "  at least ", time_text(least), " at the roofline, step by step; bound by ",
                    intensity < roofline->balance() ? "memory" : "arithmetic", " as a whole\n");
  } else {
    s += "  no roofline of this machine was given\n";
  }

  {
    std::vector<std::size_t> order(steps.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return steps[a].estimate_ns > steps[b].estimate_ns;
    });
    Table table("rlrrrlrrlll");
    table.Row({"step", "name", "operations", "bytes", "OP/B", "bound", "roofline", "estimate", "device",
               "ops", "where"});
    for (std::size_t k = 0; k < limit(order.size()); ++k) {
      const Step& step = steps[order[k]];
      table.Row({std::to_string(order[k]), step.name, quantity(step.operations, ""), bytes_text(step.bytes),
                 step.bytes > 0 ? ratio_text(step.operations / step.bytes) : "-",
                 !roofline           ? "-"
                 : step.memory_bound ? "memory"
                                     : "arithmetic",
                 roofline ? time_text(step.roofline_ns) : "-", time_text(step.estimate_ns), step.device,
                 shortened(step.ops), step.where});
    }
    absl::StrAppend(&s, "steps (", steps.size(), "), the dearest first; estimates are of one worker\n",
                    table.ToString(), more(steps.size(), limit(steps.size()), "steps"));
  }

  const auto step_text = [&](std::uint32_t k) { return absl::StrCat(k, " ", steps[k].name); };
  if (!boundaries.empty()) {
    absl::StrAppend(&s, "not fused (", boundaries.size(), ")\n");
    for (std::size_t k = 0; k < limit(boundaries.size()); ++k) {
      const Boundary& b = boundaries[k];
      absl::StrAppend(&s, "  ", step_text(b.producer), " -> ", step_text(b.reader), " by ", b.value, ": ",
                      b.why, "\n");
    }
    s += more(boundaries.size(), limit(boundaries.size()), "pairs");
  }

  if (devices.size() <= 1) {
    absl::StrAppend(&s, "placement: everything on ", devices.empty() ? "cpu:0" : devices[0],
                    ", the only device\n");
  } else {
    s += "placement\n";
    if (!placement_summary.empty()) absl::StrAppend(&s, "  ", placement_summary, "\n");
    for (const std::string& device : devices) absl::StrAppend(&s, placement_text(*this, device));
    for (std::size_t k = 0; k < limit(copies.size()); ++k) {
      const Copy& c = copies[k];
      absl::StrAppend(&s, "  copy ", c.type, " (", bytes_text(static_cast<double>(c.bytes)), ") ", c.from,
                      " -> ", c.to, ": ", c.why, "\n");
    }
    s += more(copies.size(), limit(copies.size()), "copies");
  }

  if (!steps.empty()) {
    const std::int32_t widest = *std::max_element(level_widths.begin(), level_widths.end());
    absl::StrAppend(&s, "concurrency: ", steps.size(), " steps in ", level_widths.size(), " levels, at most ",
                    widest, " at once; ", time_text(work_ns), " of work, ", time_text(critical_path_ns),
                    " on the critical path: ", ratio_text(work_ns / std::max(critical_path_ns, 1.0)),
                    " at once on average\n");
    absl::StrAppend(&s, "  width by level ",
                    profile(std::vector<double>(level_widths.begin(), level_widths.end()), 64), "\n");
    s += "  critical path:";
    for (std::size_t k = 0; k < limit(critical_path.size()); ++k) {
      absl::StrAppend(&s, k == 0 ? " " : " -> ", step_text(critical_path[k]));
    }
    if (critical_path.size() > limit(critical_path.size())) {
      absl::StrAppend(&s, " -> ... (", critical_path.size(), " steps)");
    }
    s += "\n";
    std::vector<double> live;
    for (const Step& step : steps) live.push_back(static_cast<double>(step.live_bytes));
    absl::StrAppend(&s, "memory: a run reserves ", bytes_text(static_cast<double>(peak_bytes)), " (arenas ",
                    bytes_text(static_cast<double>(arena_bytes)), ")");
    if (best_order_peak_bytes > 0) {
      absl::StrAppend(&s, "; temporaries in the best sequential order ",
                      bytes_text(static_cast<double>(best_order_peak_bytes)));
    }
    absl::StrAppend(&s, "\n  live by step   ", profile(live, 64), "\n  most, ",
                    bytes_text(static_cast<double>(steps[peak_step].live_bytes)), ", at step ",
                    step_text(peak_step), ", held by\n");
    Table table("rll");
    for (std::size_t k = 0; k < limit(held_at_peak.size()); ++k) {
      const Holder& h = held_at_peak[k];
      table.Row({bytes_text(static_cast<double>(h.bytes)), h.type,
                 absl::StrCat(h.output ? "output of step " : "of step ", step_text(h.writer))});
    }
    absl::StrAppend(&s, table.ToString(), more(held_at_peak.size(), limit(held_at_peak.size()), "values"));
  }
  return s;
}

std::string Inspection::ToJson() const {
  using Json = nlohmann::ordered_json;
  Json j;
  j["name"] = name;
  for (const auto& [key, list] : {std::pair{"inputs", &inputs}, std::pair{"outputs", &outputs}}) {
    j[key] = Json::array();
    for (const Value& v : *list) j[key].push_back({{"name", v.name}, {"type", v.type}, {"bytes", v.bytes}});
  }
  j["parameters"] = Json::array();
  for (const Parameters& p : parameters) {
    j["parameters"].push_back({{"dtype", std::string(leat::name(p.dtype))},
                               {"arrays", p.arrays},
                               {"elements", p.elements},
                               {"bytes", p.bytes}});
  }
  j["ops"] = Json::array();
  for (const OpKind& o : ops) {
    Json row = {{"op", o.op}, {"count", o.count}};
    put_work(row, o);
    j["ops"].push_back(std::move(row));
  }
  put_work(j, *this);
  j["bytes_unfused"] = bytes_unfused;
  j["has_loops"] = has_loops;
  j["roofline"] = nullptr;
  if (roofline) {
    j["roofline"] = {{"operations_per_second", roofline->operations_per_second},
                     {"bytes_per_second", roofline->bytes_per_second},
                     {"balance", roofline->balance()},
                     {"source", roofline->source}};
  }
  j["steps"] = Json::array();
  for (const Step& step : steps) {
    Json row = {{"name", step.name},   {"kind", step.kind},         {"where", step.where},
                {"ops", step.ops},     {"device", step.device},     {"estimate_ns", step.estimate_ns},
                {"level", step.level}, {"critical", step.critical}, {"live_bytes", step.live_bytes}};
    put_work(row, step);
    if (roofline) {
      row["roofline_ns"] = step.roofline_ns;
      row["memory_bound"] = step.memory_bound;
    }
    j["steps"].push_back(std::move(row));
  }
  j["not_fused"] = Json::array();
  for (const Boundary& b : boundaries) {
    j["not_fused"].push_back(
        {{"producer", b.producer}, {"reader", b.reader}, {"value", b.value}, {"why", b.why}});
  }
  j["devices"] = devices;
  j["placements"] = Json::array();
  for (const Placement& p : placements) {
    j["placements"].push_back({{"node", p.node}, {"op", p.op}, {"device", p.device}, {"why", p.why}});
    for (const PlacementEstimate& e : p.estimates) {
      j["placements"].back()["estimates"].push_back({{"device", e.device},
                                                     {"run_ns", e.run_ns},
                                                     {"copies_ns", e.copies_ns},
                                                     {"start_ns", e.start_ns},
                                                     {"finish_ns", e.finish_ns},
                                                     {"rest_ns", e.rest_ns}});
    }
  }
  if (!placement_summary.empty()) j["placement_summary"] = placement_summary;
  j["copies"] = Json::array();
  for (const Copy& c : copies) {
    j["copies"].push_back(
        {{"type", c.type}, {"bytes", c.bytes}, {"from", c.from}, {"to", c.to}, {"why", c.why}});
  }
  j["level_widths"] = level_widths;
  j["critical_path"] = critical_path;
  j["work_ns"] = work_ns;
  j["critical_path_ns"] = critical_path_ns;
  j["peak_bytes"] = peak_bytes;
  j["arena_bytes"] = arena_bytes;
  j["best_order_peak_bytes"] = best_order_peak_bytes;
  j["peak_step"] = peak_step;
  j["held_at_peak"] = Json::array();
  for (const Holder& h : held_at_peak) {
    j["held_at_peak"].push_back(
        {{"type", h.type}, {"bytes", h.bytes}, {"writer", h.writer}, {"output", h.output}});
  }
  return j.dump(2) + "\n";
}

}  // namespace leat
