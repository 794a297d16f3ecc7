#include "ir/graph_parser.h"

#include "ir/inference.h"
#include "ir/inference_rules.h"
#include "ir/text_form.h"

namespace leat::ir {
// --- names, values, types ---------------------------------------------------------------------------

// %"0" is a parameter that is called 0, %0 is the first node: only names that need no quotes are the
// same with and without.
bool GraphParser::Key(const Token& name, std::string& key) {
  if (!ParseName(name, key)) return false;
  if (name.text[0] == '"' && !is_identifier(key)) key.insert(key.begin(), '"');
  return true;
}

/// The name of the node that is added next.
bool GraphParser::Define(const Token& name) {
  std::string key;
  if (!Key(name, key)) return false;
  // Each node costs a few hundred bytes; this many are about 1 GiB.
  constexpr std::size_t kMaxNodes = std::size_t{1} << 22;
  if (++subgraphs_.nodes > kMaxNodes) return Fail(name, cat("the text has more than ", kMaxNodes, " nodes"));
  if (values_.emplace(std::move(key), static_cast<std::uint32_t>(graph.nodes.size())).second) return true;
  return Fail(name, cat(describe(name), " is already defined"));
}

bool GraphParser::ParseValue(Value& value) {
  const Token name = peek();
  if (name.kind != Token::Kind::value_name) return FailExpected("a value (%name)");
  std::string key;
  if (!Key(name, key)) return false;
  Take();
  const auto it = values_.find(key);
  if (it == values_.end()) {
    return Fail(name, cat(describe(name), " is not defined; a parameter without a header is declared as ",
                          describe(name), ": f32[...]"));
  }
  std::int64_t result = 0;
  if (Accept("#") && !ParseInteger("the number of a result", result)) return false;
  const std::size_t results = graph.nodes[it->second].results.size();
  if (result < 0 || static_cast<std::size_t>(result) >= results) {
    return Fail(name, cat(describe(name), " has no result ", result, " (of ", results, ")"));
  }
  value = {it->second, static_cast<std::uint32_t>(result)};
  return true;
}

bool GraphParser::ParseType(Type& type) {
  const Token token = peek();
  const std::optional<DType> dtype =
      token.kind == Token::Kind::identifier ? find_dtype(token.text) : std::nullopt;
  if (!dtype) return FailExpected("a type");
  Take();
  type = {*dtype, {}};
  if (!Expect("[", "after a dtype")) return false;
  if (!Accept("]")) {
    do {
      if (type.shape.rank() == kMaxRank) {
        return Fail(peek(), cat("a type has more than ", kMaxRank, " dimensions", numbered(Rule::rank)));
      }
      if (!ParseDim(type.shape)) return false;
    } while (Accept(","));
    if (!Expect("]", "after the dimensions of a type")) return false;
  }
  const Request r{op_info(Op::parameter), {}, {}, {}, graph.symbols};
  const Status checked = check_type(r, type);
  if (checked.ok()) return true;
  return Fail(token, std::string_view(checked.message()).substr(r.info.name.size() + 2));  // no op's fault
}

bool GraphParser::ParseDim(Shape& shape) {
  if (Accept("?")) {
    shape.push_back(kUnknownDim);
    return true;
  }
  const Token token = peek();
  if (token.kind == Token::Kind::identifier || token.kind == Token::Kind::string) return ParseSymbol(shape);
  std::int64_t extent;
  if (!ParseInteger("an extent, a symbol or ?", extent)) return false;
  if (extent < 0) return Fail(token, cat("an extent is not negative", numbered(Rule::symbols)));
  shape.push_back(extent);
  return true;
}

bool GraphParser::ParseSymbol(Shape& shape) {
  const Token token = Take();
  std::string name;
  if (!ParseName(token, name)) return false;
  if (name.empty()) return Fail(token, cat("a symbol has a name", numbered(Rule::symbols)));
  const auto id = static_cast<std::int64_t>(graph.symbols.size());
  const auto [it, is_new] = symbols_.try_emplace(name, id);
  if (is_new) graph.symbols.push_back({std::move(name), -1});
  shape.push_back(symbol_dim(it->second));
  if (!Accept("<=")) return true;
  std::int64_t bound;
  if (!ParseInteger("the bound of a symbol", bound)) return false;
  if (bound < 0) return Fail(token, cat("a bound is not negative", numbered(Rule::symbols)));
  Symbol& symbol = graph.symbols[static_cast<std::size_t>(it->second)];
  if (!is_new && symbol.bound != bound) {
    return Fail(token,
                cat(describe(token), " has ", symbol.bound < 0 ? "no bound" : cat("the bound ", symbol.bound),
                    " where it first appears", numbered(Rule::symbols)));
  }
  symbol.bound = bound;
  return true;
}

// --- the graph ----------------------------------------------------------------------------------------

bool GraphParser::ParseParameter(const Token& name) {
  std::string plain;
  Type type;
  if (!ParseName(name, plain)) return false;
  if (plain.empty()) return Fail(name, cat("a parameter has a name", numbered(Rule::parameters)));
  if (!ParseType(type) || !Define(name)) return false;
  graph.AddParameter(std::move(plain), std::move(type));
  return true;
}

bool GraphParser::ParseHeader() {
  if (!peek().is_word("graph")) return FailExpected("graph");
  Take();
  const Token name = peek();
  if (name.kind != Token::Kind::graph_name) return FailExpected("the name of the graph (@name)");
  Take();
  if (!ParseName(name, graph.name) || !Expect("(", "before the parameters")) return false;
  if (!Accept(")")) {
    do {
      if (peek().kind != Token::Kind::value_name) return FailExpected("a parameter (%name: type)");
      const Token parameter = Take();
      if (!Expect(":", "and a type after the name of a parameter") || !ParseParameter(parameter))
        return false;
    } while (Accept(","));
    if (!Expect(")", "after the parameters")) return false;
  }
  promises_ = Accept("->");
  if (promises_) {
    if (!Expect("(", "before the result types")) return false;
    if (!Accept(")")) {
      do {
        if (!ParseType(promised_.emplace_back())) return false;
      } while (Accept(","));
      if (!Expect(")", "after the result types")) return false;
    }
  }
  return Expect("{", "before the body of the graph");
}

bool GraphParser::ParseGraph() {
  const Token header = peek();
  if (!ParseHeader()) return false;
  while (!peek().is_word("return")) {
    if (!ParseStatement(/*declarations=*/false)) return false;
  }
  return ParseReturn() && Expect("}", "after return") && CheckOutputs(header);
}

bool GraphParser::ParseBody() {
  const auto done = [this] { return peek().kind == Token::Kind::end || peek().is_word("graph"); };
  graph.name = "main";
  while (!done()) {
    if (peek().is_word("return")) {
      return ParseReturn() && (done() || FailExpected("the end or a graph after return"));
    }
    if (!ParseStatement(/*declarations=*/true)) return false;
  }
  if (graph.nodes.empty()) return FailExpected("a graph");
  const std::uint32_t last = last_op_ ? *last_op_ : static_cast<std::uint32_t>(graph.nodes.size() - 1);
  for (std::uint32_t i = 0; i < graph.nodes[last].results.size(); ++i) graph.outputs.push_back({last, i});
  return true;
}

bool GraphParser::ParseReturn() {
  Take();
  if (peek().kind != Token::Kind::value_name) return true;
  do {
    if (!ParseValue(graph.outputs.emplace_back())) return false;
  } while (Accept(","));
  return true;
}

bool GraphParser::CheckOutputs(const Token& header) {
  if (!promises_) return true;
  if (promised_.size() != graph.outputs.size()) {
    return Fail(header, cat("the header promises ", promised_.size(), " results, the graph returns ",
                            graph.outputs.size(), numbered(Rule::declared_match)));
  }
  for (std::size_t i = 0; i < promised_.size(); ++i) {
    const Type& type = graph.type(graph.outputs[i]);
    if (type == promised_[i]) continue;
    return Fail(header, cat("the header promises ", graph.ToString(promised_[i]), " as result ", i,
                            ", the graph returns ", graph.ToString(type), numbered(Rule::declared_match)));
  }
  return true;
}

}  // namespace leat::ir
