// What a viewer demands of a timeline in Chrome's trace format: the rules by which Perfetto's importer takes
// an event or drops it (docs: "Trace Event Format"; perfetto.dev, "Visualizing external trace formats").
//
//   EXPECT_THAT(broken_rules(nlohmann::json::parse(trace_json(events))), ElementsAre());
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace leat {

/// One line for each event that breaks a rule.
inline std::vector<std::string> broken_rules(const nlohmann::json& document) {
  using nlohmann::json;
  std::vector<std::string> broken;
  const auto say = [&](const json& e, const std::string& rule) { broken.push_back(rule + ": " + e.dump()); };
  if (!document.is_object() || !document.contains("traceEvents") || !document["traceEvents"].is_array()) {
    return {"the document has no list traceEvents"};
  }
  const auto ns = [](const json& us) { return std::llround(us.get<double>() * 1000); };
  struct Slice {
    std::int64_t begin, end;
    const json* event;
  };
  using Track = std::pair<int, int>;
  std::map<Track, std::vector<Slice>> slices;
  std::map<Track, std::string> names;
  std::map<std::string, std::vector<const json*>> flows, spans;  // by category and id
  std::map<std::string, std::int64_t> counters;                  // the last time of each
  for (const json& e : document["traceEvents"]) {
    if (!e.contains("ph") || !e["ph"].is_string() || !e.contains("pid") || !e["pid"].is_number_integer() ||
        !e.contains("name") || !e["name"].is_string()) {
      say(e, "an event has a phase, a process and a name");
      continue;
    }
    const std::string phase = e["ph"];
    const bool has_track = e.contains("tid") && e["tid"].is_number_integer();
    if (phase == "M") {
      if (e["name"] == "thread_name" &&
          (!has_track || !names.emplace(Track{e["pid"], e["tid"]}, e["args"]["name"]).second)) {
        say(e, "a track has one name");
      }
      continue;
    }
    if (!e.contains("ts") || !e["ts"].is_number() || e["ts"].get<double>() < 0) {
      say(e, "an event has a time");
      continue;
    }
    if (phase == "C") {
      const std::string name = e["name"];
      const auto [last, is_first] = counters.emplace(name, ns(e["ts"]));
      if (!is_first && last->second >= ns(e["ts"])) say(e, "a counter is sorted by time");
      last->second = ns(e["ts"]);
      if (!e.contains("args") || e["args"].empty()) say(e, "a counter has a value");
      for (const auto& [key, value] : e["args"].items()) {
        if (!value.is_number()) say(e, "a counter's value is a number");
      }
      continue;
    }
    if (!has_track || (e["tid"] == 0 && phase != "b" && phase != "e")) {
      say(e, "an event has a thread, which is not 0");
      continue;
    }
    const Track track{e["pid"], e["tid"]};
    if (phase == "X") {
      if (!e.contains("dur") || !e["dur"].is_number() || e["dur"].get<double>() < 0) {
        say(e, "a slice has a length");
        continue;
      }
      slices[track].push_back({ns(e["ts"]), ns(e["ts"]) + ns(e["dur"]), &e});
    } else if (phase == "s" || phase == "f" || phase == "b" || phase == "e") {
      if (!e.contains("cat") || !e.contains("id")) {
        say(e, "a flow or span has a category and an id");
        continue;
      }
      (phase == "s" || phase == "f" ? flows : spans)[e["cat"].get<std::string>() + " " + e["id"].dump()]
          .push_back(&e);
    } else {
      say(e, "there is no such phase");
    }
  }
  for (auto& [track, list] : slices) {
    if (!names.contains(track)) say(*list.front().event, "a track has a name");
    std::stable_sort(list.begin(), list.end(), [](const Slice& a, const Slice& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
    });
    std::vector<Slice> open;
    for (const Slice& s : list) {
      while (!open.empty() && open.back().end <= s.begin) open.pop_back();
      if (!open.empty() && s.end > open.back().end) say(*s.event, "slices nest or follow each other");
      open.push_back(s);
    }
  }
  const auto is_inside = [&](const json& e) {
    const auto track = slices.find(Track{e["pid"], e["tid"]});
    if (track == slices.end()) return false;
    for (const Slice& s : track->second) {
      if (s.begin <= ns(e["ts"]) && ns(e["ts"]) <= s.end) return true;
    }
    return false;
  };
  for (const auto& [id, list] : flows) {
    if (list.size() != 2 || (*list[0])["ph"] != "s" || (*list[1])["ph"] != "f") {
      say(*list[0], "a flow starts once, then ends once");
      continue;
    }
    if ((*list[0])["name"] != (*list[1])["name"]) say(*list[1], "a flow keeps its name");
    if (ns((*list[0])["ts"]) > ns((*list[1])["ts"])) say(*list[1], "a flow ends after its start");
    for (const json* end : list) {
      if (!is_inside(*end)) say(*end, "each end of a flow lies in a slice");
    }
    if ((*list[1]).value("bp", "") != "e") say(*list[1], "a flow ends at the slice around it");
  }
  for (const auto& [id, list] : spans) {
    int depth = 0;
    std::int64_t last = 0;
    for (const json* e : list) {
      depth += (*e)["ph"] == "b" ? 1 : -1;
      if (depth < 0 || ns((*e)["ts"]) < last) say(*e, "a span ends after its begin");
      last = ns((*e)["ts"]);
    }
    if (depth != 0) say(*list[0], "a span is closed");
  }
  return broken;
}

}  // namespace leat
