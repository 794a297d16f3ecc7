// Text -> graph: what is accepted, and the errors with line and column.
#include "ir/parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "ir/printer.h"
#include "ir/verifier.h"

namespace leat::ir {
namespace {

std::string error_of(std::string_view text) {
  StatusOr<Graph> graph = parse(text, "t");
  if (!graph.ok()) {
    EXPECT_EQ(graph.status().code(), Code::invalid_argument);
    return graph.status().message();
  }
  return "parsed: " + print(*graph);
}

/// Parses, checks that the result verifies and comes back the same; its text without the header.
std::string body_of(std::string_view text) {
  StatusOr<Graph> graph = parse(text, "t");
  if (!graph.ok()) return graph.status().message();
  EXPECT_EQ(verify(*graph).message(), "");
  const std::string printed = print(*graph);
  StatusOr<Graph> again = parse(printed, "again");
  EXPECT_EQ(again.status().message(), "") << printed;
  if (again.ok()) {
    EXPECT_EQ(print(*again), printed);
  }
  return printed.substr(printed.find("{\n") + 2);
}

TEST(Parser, AHeaderIsOptional) {
  const Graph g = *parse("%x: f32[n,8]\n%y = exp %x\n%z = neg %y : f32[n,8]\n");
  EXPECT_EQ(print(g), R"(graph @main(%x: f32[n,8]) -> (f32[n,8]) {
  %0 = exp %x : f32[n,8]
  %1 = neg %0 : f32[n,8]
  return %1
}
)");
  EXPECT_EQ(body_of("%x: f32[]\n%a = exp %x\n%b = neg %x\nreturn %a, %x"),
            "  %0 = exp %x : f32[]\n  %1 = neg %x : f32[]\n  return %0, %x\n}\n");
  EXPECT_EQ(body_of("%x: f32[3]\n%t:2 = top_k %x {k=2}"),
            "  %0:2 = top_k %x {k=2} : f32[2], i64[2]\n  return %0#0, %0#1\n}\n");
}

TEST(Parser, ResultTypesOfTheHeaderAreOptional) {
  EXPECT_EQ(print(*parse("graph @f(%x: f32[2]) { return %x }")),
            "graph @f(%x: f32[2]) -> (f32[2]) {\n  return %x\n}\n");
}

TEST(Parser, MatmulIsSugar) {
  EXPECT_EQ(body_of("%x: f32[n,128]\n%w: f32[128,64]\n%y = matmul %x %w : f32[n,64]"),
            "  %0 = dot_general %x %w {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]} : f32[n,64]\n"
            "  return %0\n}\n");
  EXPECT_EQ(
      body_of("%x: f32[2,5,3]\n%w: f32[2,3,4]\n%y = matmul %x %w"),
      "  %0 = dot_general %x %w {batch_x=[0], batch_y=[0], contract_x=[2], contract_y=[1]} : f32[2,5,4]\n"
      "  return %0\n}\n");
  EXPECT_EQ(body_of("%x: f32[2,5,3]\n%w: f32[3,4]\n%y = matmul %x %w : f32[2,5,4]"),
            "  %0 = dot_general %x %w {batch_x=[], batch_y=[], contract_x=[2], contract_y=[0]} : f32[2,5,4]\n"
            "  return %0\n}\n");
  EXPECT_EQ(error_of("%x: f32[3]\n%y = matmul %x %x"),
            "t:2:6: matmul: takes x [...,m,k] and w [...,k,n] or [k,n], got f32[3] and f32[3]");
}

TEST(Parser, Literals) {
  EXPECT_EQ(body_of("%0 = constant {value=[[1, 2], [3, 4]]} : i32[2,2]"),
            "  %0 = constant {value=[1, 2, 3, 4]} : i32[2,2]\n  return %0\n}\n");
  EXPECT_EQ(body_of("%0 = constant {value=0x0000803f000000c0} : f32[2]"),
            "  %0 = constant {value=[1, -2]} : f32[2]\n  return %0\n}\n");
  EXPECT_EQ(body_of("%0 = constant {value=1e-3} : f64[3,3]"),
            "  %0 = constant {value=0.001} : f64[3,3]\n  return %0\n}\n");
  EXPECT_EQ(body_of("%0 = constant {value=[true, false]} : bool[2]"),
            "  %0 = constant {value=[true, false]} : bool[2]\n  return %0\n}\n");
  EXPECT_EQ(body_of("%0 = constant {value=[[], []]} : f32[2,0]"),
            "  %0 = constant {value=[]} : f32[2,0]\n  return %0\n}\n");
}

TEST(Parser, BadLiterals) {
  const auto constant = [](std::string value, std::string type) {
    return error_of("%0 = constant {value=" + value + "} : " + type);
  };
  EXPECT_EQ(constant("[1, 2]", "f32[3]"), "t:1:22: the literal has 2 elements, f32[3] needs 3");
  EXPECT_EQ(constant("[[1, 2], [3]]", "f32[2,2]"),
            "t:1:31: the list has 1 entries, dimension 1 of f32[2,2] needs 2");
  EXPECT_EQ(constant("[[1, 2]]", "f32[2]"), "t:1:23: the literal is nested deeper than f32[2]");
  EXPECT_EQ(constant("[[1], [2]]", "f32[2,1,1]"), "t:1:24: the literal is not nested as f32[2,1,1] is");
  EXPECT_EQ(constant("[[1, 2], 3]", "f32[2,2]"), "t:1:31: expected [, got 3");
  EXPECT_EQ(constant("300", "i8[]"), "t:1:22: 300 is out of the range of i8");
  EXPECT_EQ(constant("-1", "u8[]"), "t:1:22: -1 is out of the range of u8");
  EXPECT_EQ(constant("1.5", "i32[]"), "t:1:22: 1.5 is not a i32");
  EXPECT_EQ(constant("70000", "f16[]"), "t:1:22: 70000 is out of the range of f16");
  EXPECT_EQ(constant("1e999", "f64[]"), "t:1:22: 1e999 is out of the range of f64");
  EXPECT_EQ(constant("infinity", "f64[]"), "t:1:22: infinity is not a f64");
  EXPECT_EQ(constant("1", "bool[]"), "t:1:22: 1 is not a bool");
  EXPECT_EQ(constant("0x02", "bool[1]"), "t:1:22: a bool is 00 or 01");
  EXPECT_EQ(constant("0x0203", "u8[1]"), "t:1:22: the literal has 4 hex digits, u8[1] needs 2");
  EXPECT_EQ(constant("1", "f32[n]"),
            "t:1:6: constant: needs one static result type behind the literal [C18]");
  EXPECT_EQ(constant("", "f32[]"), "t:1:22: expected a literal, got }");
  EXPECT_EQ(constant("[1, 2", "f32[]"), "t:1:27: expected ']' after the elements of a literal, got }");
  EXPECT_EQ(error_of("%0 = constant {value=1}"),
            "t:1:6: constant: needs one static result type behind the literal [C18]");
  EXPECT_EQ(constant("0", "u8[300000000]"),
            "t:1:22: the text has more than 256 MiB of literals that are written as one number");
}

TEST(Parser, HalvesAreRoundedOnce) {
  // 1 + 2^-11 + 2^-26 is just above the tie of f16 between 1 and 1 + 2^-10: through float it would
  // become the tie and round down.
  EXPECT_EQ(body_of("%0 = constant {value=1.00048829615116119384765625} : f16[]"),
            "  %0 = constant {value=1.0009766} : f16[]\n  return %0\n}\n");
}

TEST(Parser, Locations) {
  const Graph g = *parse(
      "%x: f32[2]\n"
      "%0 = exp %x  // at a.cpp:3\n"
      "%1 = exp %0  // at dir/a:b.cpp:12 label=\"l\"\n"
      "%2 = exp %1  // at the start of something\n"
      "%3 = exp %2  // scope=\"s\"\n"
      "// at b.cpp:5\n"
      "%4 = exp %3\n");
  const auto at = [&](std::size_t node) { return g.locations[g.nodes[node].location]; };
  EXPECT_STREQ(at(1).source.file, "a.cpp");
  EXPECT_EQ(at(1).source.line, 3u);
  EXPECT_STREQ(at(2).source.file, "dir/a:b.cpp");
  EXPECT_EQ(at(2).source.line, 12u);
  EXPECT_EQ(at(2).label, "l");
  EXPECT_FALSE(at(3).source.known());
  EXPECT_EQ(at(4).scope, "s");
  EXPECT_FALSE(at(5).source.known());
}

TEST(Parser, Subgraphs) {
  const std::string_view text = R"(
graph @main(%p: bool[], %x: f32[n]) -> (f32[n]) {
  %0 = cond %p %x {then_branch=@a, else_branch=@b} : f32[n]
  return %0
}
graph @b(%x: f32[k]) { %0 = fused %x {body=@a}  return %0 }
graph @a(%x: f32[k]) { %0 = neg %x  return %0 }
)";
  EXPECT_EQ(body_of(text), R"(  %0 = cond %p %x {then_branch=@a, else_branch=@b} : f32[n]
  return %0
}

graph @a(%x: f32[k]) -> (f32[k]) {
  %0 = neg %x : f32[k]
  return %0
}

graph @b(%x: f32[k]) -> (f32[k]) {
  %0 = fused %x {body=@a} : f32[k]
  return %0
}
)");
  EXPECT_EQ(body_of("%x: f32[3]\n%0 = fused %x {body=@a}\ngraph @a(%x: f32[3]) { return %x }"),
            "  %0 = fused %x {body=@a} : f32[3]\n  return %0\n}\n\n"
            "graph @a(%x: f32[3]) -> (f32[3]) {\n  return %x\n}\n");
  EXPECT_EQ(error_of("%x: f32[3]\n%0 = fused %x {body=@a}"), "t:2:21: there is no graph @a");
  EXPECT_EQ(error_of("graph @a(%x: f32[3]) { %0 = fused %x {body=@a} return %0 }"),
            "t:1:44: @a contains itself [C49]");
  EXPECT_EQ(error_of("graph @a() { return }\ngraph @a() { return }"), "t:2:7: there are two graphs @a");
  EXPECT_EQ(error_of("graph @a() { return }\ngraph @b() { return %x }"),
            "t:2:21: %x is not defined; a parameter without a header is declared as %x: f32[...]");
}

std::string nested(int levels) {
  std::string text = "graph @g0(%x: f32[]) { return %x }\n";
  for (int i = 1; i <= levels; ++i) {
    text = "graph @g" + std::to_string(i) + "(%x: f32[]) { %0 = fused %x {body=@g" + std::to_string(i - 1) +
           "} return %0 }\n" + text;
  }
  return text;
}

TEST(Parser, NestingIsBounded) {
  EXPECT_TRUE(parse(nested(64)).ok());
  EXPECT_NE(error_of(nested(65)).find("nests sub-graphs more than 64 deep [C49]"), std::string::npos);
  EXPECT_NE(error_of(nested(500)).find("more than 64 deep [C49]"), std::string::npos);
  // In the other order each graph is parsed before it is named, so that recursion does not tell.
  std::string reversed = "graph @g0(%x: f32[]) { return %x }\n";
  for (int i = 1; i <= 65; ++i) {
    reversed += "graph @g" + std::to_string(i) + "(%x: f32[]) { %0 = fused %x {body=@g" +
                std::to_string(i - 1) + "} return %0 }\n";
  }
  EXPECT_NE(error_of(reversed).find("@g64 nests sub-graphs more than 64 deep [C49]"), std::string::npos);
}

TEST(Parser, Errors) {
  EXPECT_EQ(error_of(""), "t:1:1: expected a graph, got the end of the text");
  EXPECT_EQ(error_of("graph f"), "t:1:7: expected the name of the graph (@name), got f");
  EXPECT_EQ(error_of("graph @f(%x f32[2]) {}"),
            "t:1:13: expected ':' and a type after the name of a parameter, got f32");
  EXPECT_EQ(error_of("graph @f(%x: f33[2]) {}"), "t:1:14: expected a type, got f33");
  EXPECT_EQ(error_of("graph @f(%x: f32[2]) { return %x"),
            "t:1:33: expected '}' after return, got the end of the text");
  EXPECT_EQ(error_of("graph @f(%x: f32[2]) { return %x } %y"), "t:1:36: expected graph, got %y");
  EXPECT_EQ(error_of("graph @f(%x: f32[2]) { }"), "t:1:24: expected %name = op, or return, got }");
  EXPECT_EQ(error_of("graph @f(%x: f32[2], %x: f32[2]) { return }"), "t:1:22: %x is already defined");
  EXPECT_EQ(error_of("graph @f(%x: f32[2]) -> (f32[3]) { return %x }"),
            "t:1:1: the header promises f32[3] as result 0, the graph returns f32[2] [C12]");
  EXPECT_EQ(error_of("graph @f(%x: f32[2]) -> () { return %x }"),
            "t:1:1: the header promises 0 results, the graph returns 1 [C12]");
  EXPECT_EQ(error_of("%x: f32[-1]"), "t:1:9: an extent is not negative [C52]");
  EXPECT_EQ(error_of("%x: f32[1.5]"), "t:1:9: 1.5 is not an integer");
  EXPECT_EQ(error_of("%x: f32[99999999999999999999]"),
            "t:1:9: 99999999999999999999 is out of the range of i64");
  EXPECT_EQ(error_of("%x: f32[4611686018427387904]"),
            "t:1:5: f32[4611686018427387904] is larger than 2^62 bytes [C6]");
  EXPECT_EQ(error_of("%x: f32[n,n<=4]"), "t:1:11: n has no bound where it first appears [C52]");
  EXPECT_EQ(error_of("%x: f32[n<=4,n<=5]"), "t:1:14: n has the bound 4 where it first appears [C52]");
  EXPECT_EQ(error_of("%x: f32[n<=4611686018427387904]"), "t:1:5: f32[n] is larger than 2^62 bytes [C6]");
  EXPECT_EQ(error_of("%x: f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"),
            "t:1:73: a type has more than 32 dimensions [C7]");
  EXPECT_EQ(error_of("%x: f32[\"\"]"), "t:1:9: a symbol has a name [C52]");
  EXPECT_EQ(error_of("%\"\": f32[]"), "t:1:1: a parameter has a name [C51]");
  EXPECT_EQ(error_of("%x: f32[2]\n%y = exq %x"), "t:2:6: there is no op exq");
  EXPECT_EQ(error_of("%x = parameter : f32[]"),
            "t:1:6: a parameter is declared in the header or as %name: type");
  EXPECT_EQ(error_of("%x: i32[2]\n  %y = exp %x"),
            "t:2:8: exp: takes a floating dtype (f16, bf16, f32, f64), got i32 [C5]");
  EXPECT_EQ(
      error_of("%x: f32[2,3]\n%y: f32[3,2]\n%z = add %x %y : f32[2,3]"),
      "t:3:6: add: operands must have one shape, got f32[2,3] and f32[3,2] (dimension 0: 2 against 3) [C3]");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = exp %x : f32[3]"),
            "t:2:6: exp: the result type is f32[2], written as f32[3] [C12]");
  EXPECT_EQ(error_of("%x: f32[2]\n%z:2 = exp %x"), "t:2:1: exp: has 1 result, written with 2 [C12]");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = exp %x#1"), "t:2:10: %x has no result 1 (of 1)");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = exp %x {axis=1}"), "t:2:14: exp: has no attribute axis [C2]");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = sort %x {axis=0, axis=0}"),
            "t:2:23: sort: the attribute axis is given twice [C2]");
  EXPECT_EQ(error_of("%0 = constant {value=1, value=2} : f32[]"),
            "t:1:25: constant: the attribute value is given twice [C2]");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = sort %x {axis=a}"), "t:2:20: expected an integer, got a");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = sort %x {axis=0, descending=1}"),
            "t:2:34: expected true or false, got 1");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = reverse %x {dims=[0"),
            "t:2:25: expected ']' after a list of integers, got the end of the text");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = copy %x {device=\"cpu"),
            "t:2:22: expected a token, got a string without an end");
  EXPECT_EQ(error_of("%x: f32[2]\n%z = copy %x {device=\"\\q\"}"),
            "t:2:22: a string has an escape other than \\\" \\\\ \\n \\t \\r \\xNN");
  EXPECT_EQ(error_of("%x: f32[2] $"), "t:1:12: expected a token, got '$'");
  EXPECT_EQ(error_of("%x: f32[2] \x80"), "t:1:12: expected a token, got the byte 128");
  EXPECT_EQ(error_of("% x"), "t:1:1: expected a token, got % without a name");
  // A value that begins a line begins a statement.
  EXPECT_EQ(error_of("%x: f32[2]\n%z = add %x\n%x"), "t:2:6: add: takes 2 operands, got 1 [C1]");
}

TEST(Parser, AHundredThousandLines) {
  std::string text = "%x: f32[8]\n%0 = neg %x : f32[8]\n";
  constexpr int kLines = 100000;
  for (int i = 1; i < kLines; ++i) {
    text += "%" + std::to_string(i) + " = neg %" + std::to_string(i - 1) + " : f32[8]\n";
  }
  const Graph g = *parse(text);
  EXPECT_EQ(g.nodes.size(), kLines + 1u);
  EXPECT_EQ(verify(g).message(), "");
}

// --- hostile text -------------------------------------------------------------------------------------

constexpr std::string_view kSeeds[] = {
    R"(graph @layer(%x: f32[n<=64,128], %w: f32[128,64]) -> (f32[n,64]) {
  %0 = matmul %x %w : f32[n,64]            // at train.cpp:41 label="mm" scope="a/b"
  %1 = constant {value=0} : f32[]
  %2 = broadcast %1 {dims=[]} : f32[n,64]
  %3 = maximum %0 %2 : f32[n,64]
  %4:2 = top_k %3 {k=3, least=true} : f32[n,3], i64[n,3]
  %5 = gather %3 %4#1 {axis=0} : f32[n,3,64]
  return %3
}
)",
    R"(%p: bool[]
%x: f32[3,n]
%"a b": i64[3]
%0 = cond %p %x {then_branch=@a, else_branch=@b} : f32[3,n]
%1 = while_loop %"a b" {condition=@c, body=@d}
%2 = constant {value=[[1, -2.5, inf], [nan, -0, 1e-9]]} : f16[2,3]
%v = constant {value=0} : f16[]
%3 = pad %2 %v {low=[1, 0], high=[0, -1], interior=[0, 2]}
return %0, %1
graph @a(%x: f32[3,k]) { %0 = neg %x return %0 }
graph @b(%x: f32[3,k]) { %0 = fused %x {body=@a} return %0 }
graph @c(%i: i64[3]) { %0 = constant {value=true} : bool[] return %0 }
graph @d(%i: i64[3]) { %0 = add %i %i return %0 }
)",
    R"(%x: f32[1,4,9,9]
%w: f32[6,2,3,3]
%c = convolution %x %w {strides=[2, 2], low=[1, 1], high=[1, 1], input_dilation=[1, 1], dilation=[1, 2], groups=2}
%r = reduce_window %c {kind="max", window=[1, 1, 2, 2], strides=[1, 1, 2, 2], low=[0, 0, 0, 0], high=[0, 0, 0, 0], dilation=[1, 1, 1, 1]}
%s = slice %c {starts=[0, 0, 0, 0], limits=[1, 6, 2, 3], strides=[1, 2, 1, 1]}
%u = reshape %s : f32[2,9]
%t = transpose %u {dims=[1, 0]}
%d = reduce_sum %t {dims=[0, 1]}
%e = convert %d {dtype=bf16}
%q = custom_call %e {target="f", pure=true} : f32[2,?], u8[]
%k = constant {value=0x0100000000000000ffffffffffffffff} : u64[2]
%b = random_bits %k : u32[5]
%i = iota {axis=0} : i32[7]
)",
};

std::string mutate(const std::string& text, std::mt19937_64& random) {
  constexpr std::string_view kPieces[] = {"%",
                                          "@",
                                          "\"",
                                          "[",
                                          "]",
                                          "{",
                                          "}",
                                          "(",
                                          ")",
                                          ":",
                                          ",",
                                          "=",
                                          "#",
                                          "->",
                                          "<=",
                                          "?",
                                          "-1",
                                          "0",
                                          "9223372036854775807",
                                          "4611686018427387904",
                                          "99",
                                          "//",
                                          "\n",
                                          " ",
                                          "graph @a",
                                          "return",
                                          "f32",
                                          "bool",
                                          "n",
                                          "nan",
                                          "0x",
                                          "end",
                                          "\\",
                                          "\x80",
                                          "1e9",
                                          "matmul",
                                          "add",
                                          "reshape",
                                          "fused",
                                          "true"};
  std::string s = text;
  const int edits = 1 + static_cast<int>(random() % 4);
  for (int i = 0; i < edits && !s.empty(); ++i) {
    const std::size_t at = random() % s.size();
    const std::size_t length = 1 + random() % std::min<std::size_t>(s.size() - at, 12);
    switch (random() % 5) {
      case 0: s.erase(at, length); break;
      case 1: s.insert(at, s.substr(random() % s.size(), length)); break;
      case 2: s[at] = static_cast<char>(random()); break;
      case 3: s.insert(at, kPieces[random() % std::size(kPieces)]); break;
      case 4: s.replace(at, length, kPieces[random() % std::size(kPieces)]); break;
    }
  }
  return s;
}

TEST(Parser, MutatedTextNeverCrashesAndWhatParsesVerifies) {
  for (const std::string_view seed : kSeeds) {
    StatusOr<Graph> graph = parse(seed, "seed");
    EXPECT_EQ(graph.status().message(), "");
  }
  std::mt19937_64 random(7);
  std::vector<std::string> corpus(std::begin(kSeeds), std::end(kSeeds));
  int parsed = 0, tried = 0;
  const auto stop = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < stop) {
    const std::string text = mutate(corpus[random() % corpus.size()], random);
    ++tried;
    StatusOr<Graph> graph = parse(text, "fuzz");
    if (!graph.ok()) {
      ASSERT_EQ(graph.status().message().substr(0, 5), "fuzz:") << text;
      continue;
    }
    ++parsed;
    ASSERT_EQ(verify(*graph).message(), "") << text;
    const std::string printed = print(*graph);
    StatusOr<Graph> again = parse(printed, "again");
    ASSERT_TRUE(again.ok()) << again.status().message() << "\n" << text << "\n" << printed;
    ASSERT_EQ(print(*again), printed) << text;
    // What parsed in spite of its mutation goes on to be mutated, so that the search moves on.
    if (text.size() < 4000 && corpus.size() < 2000) corpus.push_back(text);
  }
  RecordProperty("tried", tried);
  RecordProperty("parsed", parsed);
  EXPECT_GT(tried, 100);
  EXPECT_GT(parsed, 10);
}

}  // namespace
}  // namespace leat::ir
