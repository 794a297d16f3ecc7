// leat/dump.h: folds, cones, differences, JSON, elided constants, by value.
#include "leat/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "leat/leat.h"

namespace leat {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

Graph parse(const std::string& text) { return Graph::Parse(text, "test.leat").value(); }

std::string text_of(const Graph& graph, DumpOptions options) {
  StatusOr<std::string> text = dump(graph, options);
  EXPECT_TRUE(text.ok()) << text.status().ToString();
  return text.ok() ? *text : "";
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// `layers` layers of four ops, each with weights of its own and a residual; scopes if asked for.
std::string encoder(int layers, bool scopes) {
  std::string text = "graph @encoder(%x: f32[4,8]";
  for (int i = 0; i < layers; ++i) text += ", %w" + std::to_string(i) + ": f32[8,8]";
  text += ") {\n  %h = exp %x\n";
  std::string at = "%h";
  for (int i = 0; i < layers; ++i) {
    const std::string k = std::to_string(i);
    const std::string scope = scopes ? "  // scope=\"encoder/layer" + k + "\"\n" : "\n";
    text += "  %p" + k + " = matmul " + at + " %w" + k + scope;
    text += "  %t" + k + " = tanh %p" + k + scope;
    text += "  %n" + k + " = neg %t" + k + scope;
    text += "  %r" + k + " = add %n" + k + " " + at + scope;
    at = "%r" + k;
  }
  return text + "  %y = log " + at + "\n  return %y\n}\n";
}

TEST(Dump, SmallGraphsAreWholeAndParse) {
  const Graph graph = parse(encoder(3, true));
  const std::string text = text_of(graph, {});
  EXPECT_EQ(text, graph.ToString());
  EXPECT_EQ(Graph::Parse(text).value().ToString(), text);
}

TEST(Dump, RepeatedStructureIsShownOnce) {
  for (const bool scopes : {false, true}) {
    const std::string text = text_of(parse(encoder(12, scopes)), {.fold = Fold::repeats});
    EXPECT_EQ(count(text, "tanh"), 1u) << text;
    EXPECT_EQ(count(text, "dot_general"), 1u) << text;
    EXPECT_EQ(count(text, " exp "), 1u) << text;
    EXPECT_EQ(count(text, " log "), 1u) << text;
    EXPECT_THAT(text, HasSubstr(scopes ? "// layer \u00d712: 5 nodes, 12 times alike; this is the first {"
                                       : "// 4 ops \u00d712: 5 nodes, 12 times alike; this is the first {"));
    EXPECT_THAT(text, HasSubstr("// ... 10 parameters"));
    EXPECT_THAT(text, StartsWith("// not parsable: 55 of 64 nodes are folded"));
  }
}

TEST(Dump, WhatIsWiredOtherwiseIsNoRepeat) {
  // The fourth layer reads the first one's result as well: ops alike, edges not.
  std::string text = encoder(6, false);
  text.replace(text.find("add %n3 %r2"), 11, "add %n3 %r0");
  const std::string folded = text_of(parse(text), {.fold = Fold::repeats});
  EXPECT_EQ(count(folded, "tanh"), 4u) << folded;  // three alike, the other, two that are too few
}

TEST(Dump, ScopesCollapseAndUnfold) {
  const Graph graph = parse(encoder(3, true));
  const std::string closed = text_of(graph, {.fold = Fold::scopes});
  EXPECT_EQ(count(closed, "tanh"), 0u) << closed;
  EXPECT_THAT(closed, HasSubstr("// scope \"encoder\": 15 nodes -> %12: f32[4,8]"));
  const std::string open = text_of(graph, {.fold = Fold::scopes, .unfold = {"encoder/layer0"}});
  EXPECT_EQ(count(open, "tanh"), 1u) << open;
}

TEST(Dump, LargeGraphsFoldByThemselves) {
  const std::string text = text_of(parse(encoder(100, false)), {});
  EXPECT_LT(count(text, "\n"), 30u) << text;
  EXPECT_THAT(text, HasSubstr("fold=none shows all"));
  EXPECT_EQ(count(text_of(parse(encoder(100, false)), {.fold = Fold::none}), "tanh"), 100u);
}

TEST(Dump, PicturesFoldToo) {
  const std::string dot =
      text_of(parse(encoder(12, true)), {.format = DumpFormat::dot, .fold = Fold::repeats});
  EXPECT_EQ(count(dot, "label=\"tanh"), 1u) << dot;
  EXPECT_THAT(dot, HasSubstr("layer \u00d712"));
  EXPECT_THAT(dot, HasSubstr("label=\"next\""));
  // Edges of later layers fall upon those of the first: nine, and one that leads back. The residual's source
  // is then the residual itself.
  EXPECT_EQ(count(dot, " -> "), 10u) << dot;
  const std::string boxes =
      text_of(parse(encoder(3, true)), {.format = DumpFormat::dot, .fold = Fold::scopes});
  EXPECT_THAT(boxes, HasSubstr("shape=box3d"));
}

TEST(Dump, AConeIsWhatIsNear) {
  const Graph graph = parse(encoder(3, false));
  // %6 is the second layer's tanh: one up its product, one down its neg.
  const std::string near = text_of(graph, {.focus = "%6", .depth = 1});
  EXPECT_THAT(near, StartsWith("// not parsable: 3 of 19 nodes: what is at most 1 away from %6\n"));
  EXPECT_THAT(near, HasSubstr("%5 = dot_general"));
  EXPECT_THAT(near, HasSubstr("%6 = tanh %5"));
  EXPECT_THAT(near, HasSubstr("%7 = neg %6"));
  EXPECT_EQ(count(near, " = "), 3u) << near;
  EXPECT_EQ(count(text_of(graph, {.focus = "%6", .depth = 0}), " = "), 1u);
  const StatusOr<std::string> none = dump(graph, {.focus = "%99"});
  EXPECT_EQ(none.status().code(), Code::not_found);
  EXPECT_THAT(none.status().message(), HasSubstr("stage graph has no value \"%99\"; it has %x, %w0"));
}

TEST(Dump, AConeIsFoundInEveryStageByTheGraphsNames) {
  const Graph graph = parse(encoder(3, false));
  const std::string step = text_of(graph, {.stage = "program", .focus = "%6", .depth = 0});
  EXPECT_EQ(count(step, "  step "), 1u) << step;
  EXPECT_THAT(step, HasSubstr("tanh"));
  const std::string kernels = text_of(graph, {.stage = "kernels", .focus = "%6", .depth = 0});
  EXPECT_THAT(kernels, HasSubstr("tanh"));
  EXPECT_THAT(kernels, Not(HasSubstr("log")));
}

TEST(Dump, StagesBetweenPasses) {
  const Graph graph = parse(
      "graph @f(%x: f32[4]) {\n  %a = neg %x\n  %b = neg %a\n  %c = exp %b\n  %d = exp %x\n  return %c, "
      "%d\n}\n");
  EXPECT_EQ(count(text_of(graph, {.stage = "before:simplify_algebra"}), "neg"), 2u);
  EXPECT_EQ(count(text_of(graph, {.stage = "after:simplify_algebra"}), "exp"), 2u);
  EXPECT_EQ(count(text_of(graph, {.stage = "after:eliminate_common_subexpressions"}), "exp"), 1u);
  const StatusOr<std::string> none = dump(graph, {.stage = "after:magic"});
  EXPECT_EQ(none.status().code(), Code::invalid_argument);
  EXPECT_THAT(none.status().message(),
              HasSubstr("no pass is called \"magic\"; there are eliminate_dead_nodes, "));
  std::vector<std::string> names;
  for (const PassInfo& p : passes()) names.push_back(p.name);
  EXPECT_THAT(names, testing::Contains("fuse_groups"));
}

TEST(Dump, ADifferenceKeepsNames) {
  Context context({.workers = 1});
  const Context::Scope scope(context);
  const Tensor x = ones({4}), y = exp(-(-x)), z = exp(x);
  const StatusOr<std::string> changes = diff({y, z}, "graph", "eliminate_common_subexpressions");
  ASSERT_TRUE(changes.ok()) << changes.status().ToString();
  EXPECT_THAT(*changes, StartsWith("--- graph\n+++ after:eliminate_common_subexpressions\n"));
  EXPECT_EQ(count(*changes, "\n-"), count(*changes, "\n- "));
  EXPECT_THAT(*changes, HasSubstr("neg"));
  EXPECT_THAT(*changes, HasSubstr(" gone, "));
  EXPECT_THAT(*diff({y, z}, "graph", "graph"), HasSubstr("no difference\n"));
  EXPECT_EQ(diff({y, z}, "graph", "llvm").status().code(), Code::invalid_argument);
}

TEST(Dump, JsonLinksANodeToItsKernelItsStepAndItsLine) {
  const std::string program =
      "graph @f(%x: f32[4,8], %w: f32[8,2]) {\n  %p = matmul %x %w\n  %t = tanh %p  // at net.cpp:7 "
      "label=\"act\"\n"
      "  %u = tanh %p\n  return %t, %u\n}\n";
  const Json all = Json::parse(text_of(parse(program), {.format = DumpFormat::json}));
  EXPECT_EQ(all["format"], "leat-dump");
  EXPECT_EQ(all["version"], 1);
  std::map<std::string, Json> stages;
  std::vector<std::string> names;
  for (const Json& stage : all["stages"]) {
    names.push_back(stage["stage"]);
    stages[names.back()] = stage;
  }
  EXPECT_THAT(names, ElementsAre("graph", "optimized", "placed", "fused", "program"));
  const auto find = [&](const std::string& stage, const std::string& key, const Json& value) {
    for (const Json& node : stages[stage]["nodes"]) {
      if (node.contains(key) && node[key] == value) return node;
    }
    return Json();
  };
  const Json node = find("graph", "label", "act");
  EXPECT_EQ(node["id"], "%1");
  EXPECT_EQ(node["op"], "tanh");
  EXPECT_EQ(node["types"], "f32[4,2]");
  EXPECT_EQ(node["at"], "net.cpp:7");
  EXPECT_EQ(node["bytes"], 32);
  EXPECT_FALSE(node.contains("gone"));
  // The second tanh is the first one.
  EXPECT_EQ(find("graph", "id", "%2")["gone"], "eliminate_common_subexpressions");
  const Json fused = find("fused", "kind", "fused");
  EXPECT_EQ(fused["origins"], Json::array({"%1"}));
  Json step;
  for (const Json& n : stages["program"]["nodes"]) {
    if (n["kind"] != "step") continue;
    for (const Json& id : n["made_of"]) {
      if (id == fused["id"]) step = n;
    }
  }
  EXPECT_THAT(step["origins"].dump(), HasSubstr("\"%1\""));
  EXPECT_GT(step["cost_ns"], 0);
  EXPECT_THAT(step["text"].get<std::string>(), StartsWith("  step "));
  for (const auto& [name, stage] : stages) {
    std::set<std::string> ids;
    for (const Json& n : stage["nodes"]) ids.insert(n["id"]);
    for (const Json& e : stage["edges"]) {
      EXPECT_TRUE(ids.contains(e["from"]) && ids.contains(e["to"])) << name << " " << e.dump();
    }
  }
  EXPECT_EQ(all["memory"]["buffers"].size() > 0, true);
  EXPECT_EQ(
      Json::parse(text_of(parse(program), {.stage = "fused", .format = DumpFormat::json}))["stages"].size(),
      1u);
}

TEST(Dump, LargeConstantsAreElidedAndTheTextSaysSo) {
  std::string text = "graph @f(%x: f32[80]) {\n  %c = constant {value=[0";
  for (int i = 1; i < 80; ++i) text += ", " + std::to_string(i);
  text += "]} : f32[80]\n  %y = add %x %c\n  return %y\n}\n";
  const std::string short_text = text_of(parse(text), {});
  EXPECT_THAT(short_text,
              StartsWith("// not parsable: 1 large constant is elided; constants=-1 shows all whole\n"));
  EXPECT_THAT(short_text, HasSubstr("constant {value=<320 bytes>} : f32[80]"));
  const StatusOr<Graph> again = Graph::Parse(short_text, "short.leat");
  EXPECT_EQ(again.status().code(), Code::invalid_argument);
  EXPECT_EQ(
      again.status().message(),
      "short.leat:1:1: the text is a dump that left something out: 1 large constant is elided; constants=-1 "
      "shows all whole");
  EXPECT_EQ(text_of(parse(text), {.constants = -1}), parse(text).ToString());
  // Elements that are all the same are short, whatever their number.
  EXPECT_THAT(text_of(parse("graph @f() {\n  %c = constant {value=1} : f32[500]\n  return %c\n}\n"), {}),
              StartsWith("graph @f"));
}

TEST(Dump, ThePageHoldsEverything) {
  const std::string page =
      text_of(parse("graph @f(%x: f32[4]) {\n  %y = exp %x  // label=\"</script>\"\n  return %y\n}\n"),
              {.format = DumpFormat::html});
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("<title>f - leat</title>"));
  EXPECT_THAT(page, HasSubstr("\"label\": \"\\u003c/script>\""));
  for (const char* const mark : {"/*data*/", "/*style*/", "/*scripts*/", "src=", "http:", "https:"}) {
    EXPECT_THAT(page, Not(HasSubstr(mark)));
  }
  EXPECT_EQ(count(page, "</script>"), 2u);
}

TEST(Dump, StepsAreMadeOfTheNodesThatLoweringSays) {
  // Both branches compute the same broadcast anew; neither line nor op says whose it is.
  const Json all =
      Json::parse(text_of(parse("graph @f(%x: f32[64,32], %w: f32[32,32]) {\n"
                                "  %m = reduce_max %x {dims=[1]}\n"
                                "  %b = broadcast %m {dims=[0]} : f32[64,32]\n"
                                "  %d = sub %x %b\n  %e = exp %d\n  %p = matmul %e %w\n"
                                "  %q = add %p %b\n  %c = cumulative_sum %q {axis=0}\n  return %c\n}\n"),
                          {.format = DumpFormat::json}));
  std::map<std::string, int> steps_of;
  std::vector<std::string> kinds;
  for (const Json& node : all["stages"].back()["nodes"]) {
    if (node["kind"] != "step") continue;
    EXPECT_GE(node["made_of"].size(), 1u) << node.dump();
    for (const Json& id : node["made_of"]) ++steps_of[id];
  }
  for (const Json& node : all["stages"][3]["nodes"]) {
    if (node["kind"] == "fused" || node["op"] == "dot_general" || node["op"] == "cumulative_sum") {
      EXPECT_EQ(steps_of[node["id"]], 1) << node.dump();
    }
  }
}

constexpr const char* kLoop = R"(graph @loop(%x: f32[8], %b: bool[]) -> (f32[8]) {
  %h = exp %x
  %r = while_loop %h {condition=@go, body=@step}
  %s = cond %b %r {then_branch=@step, else_branch=@step}
  return %s
}
graph @go(%x: f32[8]) -> (bool[]) {
  %m = reduce_max %x {dims=[0]}
  %t = constant {value=0.5} : f32[]
  %y = greater %m %t
  return %y
}
graph @step(%x: f32[8]) -> (f32[8]) {
  %y = tanh %x  // label="squash"
  return %y
}
)";

TEST(Dump, SubGraphsHaveStagesOfTheirOwn) {
  const Json all = Json::parse(text_of(parse(kLoop), {.format = DumpFormat::json}));
  ASSERT_EQ(all["bodies"].size(), 4u);
  EXPECT_EQ(all["bodies"][0]["of"], "%1");
  std::vector<std::string> roles;
  for (const Json& body : all["bodies"]) {
    roles.push_back(body["role"]);
    ASSERT_EQ(body["stages"].size(), 5u);
    EXPECT_GT(body["memory"]["buffers"].size(), 0u);
  }
  EXPECT_THAT(roles, ElementsAre("condition", "body", "then", "else"));
  const Json& body = all["bodies"][1];
  EXPECT_EQ(body["stages"][0]["nodes"][1]["label"], "squash");
  const Json& step = body["stages"][4]["nodes"][1];
  EXPECT_EQ(step["kind"], "step");
  EXPECT_EQ(step["origins"], Json::array({body["stages"][0]["nodes"][1]["id"]}));
}

TEST(Dump, ThePageHasTheCodeOfKernelsAndJsonIfAsked) {
  const Graph graph = parse(encoder(3, false));
  const auto kernels = [&](DumpOptions options) {
    options.format = DumpFormat::json;
    return Json::parse(text_of(graph, options)).value("kernels", Json::array());
  };
  EXPECT_EQ(kernels({}).size(), 0u);
  const Json all = kernels({.arch = "sm_80", .code = DumpCode::all});
  ASSERT_GE(all.size(), 3u);
  int with_llvm = 0;
  for (const Json& k : all) {
    if (!k.contains("llvm")) continue;  // a product of the library
    ++with_llvm;
    EXPECT_THAT(k["llvm"].get<std::string>(), HasSubstr("define "));
    EXPECT_THAT(k["asm"].get<std::string>(), HasSubstr("ret"));
    EXPECT_THAT(k["ptx"].get<std::string>(), HasSubstr(".target sm_80"));
  }
  EXPECT_GE(with_llvm, 2);
  EXPECT_THAT(text_of(graph, {.format = DumpFormat::html}), HasSubstr(".target sm_90"));
  const std::string without = text_of(graph, {.format = DumpFormat::html, .code = DumpCode::none});
  EXPECT_THAT(without, Not(HasSubstr(".target sm_90")));
  EXPECT_THAT(without, HasSubstr("the code of kernels is left out"));
  EXPECT_EQ(dump(graph, {.format = DumpFormat::html, .arch = "sm_1"}).status().code(),
            Code::invalid_argument);
}

TEST(Dump, ExpressionsDumpByThemselves) {
  Context context({.workers = 1});
  const Context::Scope scope(context);
  const Tensor y = tanh(ones({3}) + 1);
  EXPECT_THAT(*dump({y}, {.stage = "fused"}), HasSubstr("tanh"));
  EXPECT_THAT(*dump({y}), HasSubstr("dump_test.cpp:"));
}

}  // namespace
}  // namespace leat
