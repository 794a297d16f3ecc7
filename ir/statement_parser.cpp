// Statements: ops with their attributes, literals and locations.
#include <algorithm>

#include "ir/graph_parser.h"
#include "ir/inference.h"
#include "ir/inference_rules.h"
#include "ir/text_form.h"

namespace leat::ir {
namespace {

/// A string in quotes at the start of `s`, which it is taken from.
std::optional<std::string> take_string(std::string_view& s) {
  if (s.empty() || s[0] != '"') return std::nullopt;
  for (std::size_t i = 1; i < s.size(); ++i) {
    if (s[i] == '\\') {
      ++i;
    } else if (s[i] == '"') {
      std::optional<std::string> plain = unquote(s.substr(1, i - 1));
      s.remove_prefix(i + 1);
      return plain;
    }
  }
  return std::nullopt;
}

bool take(std::string_view& s, std::string_view prefix) {
  if (s.substr(0, prefix.size()) != prefix) return false;
  s.remove_prefix(prefix.size());
  return true;
}

bool take_source(std::string_view& s, SourceLocation& source) {
  std::string file;
  if (!s.empty() && s[0] == '"') {
    std::optional<std::string> quoted = take_string(s);
    if (!quoted) return false;
    file = *std::move(quoted);
  } else {
    const std::size_t colon = s.substr(0, s.find(' ')).rfind(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    file = s.substr(0, colon);
    s.remove_prefix(colon);
  }
  std::int64_t line;
  if (!take(s, ":")) return false;
  const std::string_view number = s.substr(0, s.find(' '));
  if (parse_integer(number, line) != NumberError::none || line < 1 || line > 0xffffffff) return false;
  s.remove_prefix(number.size());
  source = {intern_file(file), static_cast<std::uint32_t>(line)};
  return true;
}

std::optional<NodeLocation> parse_location(std::string_view s) {
  while (!s.empty() && (s.back() == ' ' || s.back() == '\r' || s.back() == '\t')) s.remove_suffix(1);
  NodeLocation at;
  const auto field = [&s](std::string_view key, std::string& value) {
    if (!take(s, key)) return true;
    std::optional<std::string> text = take_string(s);
    if (text) value = *std::move(text);
    return text.has_value();
  };
  if (take(s, " at ") && !take_source(s, at.source)) return std::nullopt;
  if (!field(" label=", at.label) || !field(" scope=", at.scope) || !s.empty()) return std::nullopt;
  return at;
}

}  // namespace

bool GraphParser::ParseStatement(bool declarations) {
  const Token name = peek();
  if (name.kind != Token::Kind::value_name) {
    return FailExpected(declarations ? "%name = op, %name: type, or return" : "%name = op, or return");
  }
  Take();
  std::int64_t count = -1;
  if (Accept(":")) {
    if (declarations && peek().kind == Token::Kind::identifier) return ParseParameter(name);
    if (!ParseInteger("the number of results", count)) return false;
  }
  if (!Expect("=", "after the name of a value")) return false;
  const Token op = peek();
  if (op.kind != Token::Kind::identifier) return FailExpected("the name of an op");
  const std::size_t before = graph.nodes.size();
  if (!ParseOp(name)) return false;
  const std::size_t results = graph.nodes[before].results.size();
  if (count >= 0 && static_cast<std::size_t>(count) != results) {
    return Fail(name, cat(op.text, ": has ", results, results == 1 ? " result" : " results",
                          ", written with ", count, numbered(Rule::declared_match)));
  }
  graph.nodes[before].location = ParseLocation(name.line);
  last_op_ = static_cast<std::uint32_t>(before);
  return true;
}

bool GraphParser::ParseOp(const Token& name) {
  const Token op = Take();
  const bool matmul = op.text == "matmul";
  const std::optional<Op> found = matmul ? Op::dot_general : find_op(op.text);
  if (!found) return Fail(op, cat("there is no op ", op.text));
  if (*found == Op::parameter) return Fail(op, "a parameter is declared in the header or as %name: type");
  absl::InlinedVector<Value, 3> inputs;
  while (peek().kind == Token::Kind::value_name && peek().line == op.line) {
    if (!ParseValue(inputs.emplace_back())) return false;
  }
  Attributes attributes;
  literal_.reset();
  if (matmul) {
    if (!MakeMatmul(op, inputs, attributes)) return false;
  } else if (peek().is("{") && !ParseAttributes(op_info(*found), attributes)) {
    return false;
  }
  std::vector<Type> results;
  if (Accept(":")) {
    do {
      if (!ParseType(results.emplace_back())) return false;
    } while (Accept(","));
  }
  if (literal_ && !FinishLiteral(op, results, attributes)) return false;
  if (!Define(name)) return false;
  StatusOr<Value> added = graph.Add(*found, std::move(inputs), std::move(attributes), std::move(results));
  return added.ok() || Fail(op, added.status().message());
}

/// The sugar: batch over the leading dimensions (none if w is a plain matrix), contract the last of x
/// with the last but one of w.
bool GraphParser::MakeMatmul(const Token& op, std::span<const Value> inputs, Attributes& attributes) {
  std::vector<std::int64_t> batch, contract_x, contract_y;
  if (inputs.size() == 2) {
    const Type& x = graph.type(inputs[0]);
    const Type& w = graph.type(inputs[1]);
    const int rank = w.shape.rank();
    if (x.shape.rank() < 2 || rank < 2 || (rank != 2 && rank != x.shape.rank())) {
      return Fail(op, cat("matmul: takes x [...,m,k] and w [...,k,n] or [k,n], got ", graph.ToString(x),
                          " and ", graph.ToString(w)));
    }
    for (int i = 0; i + 2 < rank; ++i) batch.push_back(i);
    contract_x = {x.shape.rank() - 1};
    contract_y = {rank - 2};
  }
  attributes = {{Attr::batch_x, batch},
                {Attr::batch_y, batch},
                {Attr::contract_x, contract_x},
                {Attr::contract_y, contract_y}};
  return true;
}

bool GraphParser::ParseAttributes(const OpInfo& info, Attributes& attributes) {
  Take();
  do {
    const Token key = peek();
    if (key.kind != Token::Kind::identifier) return FailExpected("the name of an attribute");
    Take();
    const std::optional<Attr> attr = find_attr(key.text);
    const AttrSpec* spec = nullptr;
    for (const AttrSpec& listed : info.attributes) {
      if (attr == listed.attr) spec = &listed;
    }
    if (spec == nullptr) {
      return Fail(key, cat(info.name, ": has no attribute ", key.text, numbered(Rule::attributes)));
    }
    const bool twice = attributes.Find(*attr) != nullptr || (spec->kind == AttrKind::literal && literal_);
    if (twice) {
      return Fail(
          key, cat(info.name, ": the attribute ", key.text, " is given twice", numbered(Rule::attributes)));
    }
    if (!Expect("=", "after the name of an attribute") || !ParseAttribute(*spec, attributes)) return false;
  } while (Accept(","));
  return Expect("}", "after the attributes");
}

bool GraphParser::ParseAttribute(const AttrSpec& spec, Attributes& attributes) {
  const Token token = peek();
  switch (spec.kind) {
    case AttrKind::boolean:
      if (!token.is_word("true") && !token.is_word("false")) return FailExpected("true or false");
      Take();
      attributes.Set(spec.attr, token.text == "true");
      return true;
    case AttrKind::integer: {
      std::int64_t value;
      if (!ParseInteger("an integer", value)) return false;
      attributes.Set(spec.attr, value);
      return true;
    }
    case AttrKind::real: {
      double value;
      if (token.kind != Token::Kind::number && token.kind != Token::Kind::identifier) {
        return FailExpected("a number");
      }
      Take();
      if (parse_real(token.text, value) != NumberError::none) {
        return Fail(token, cat(describe(token), " is not a number, or not one of f64"));
      }
      attributes.Set(spec.attr, value);
      return true;
    }
    case AttrKind::integers: {
      std::vector<std::int64_t> list;
      if (!ParseIntegers(list)) return false;
      attributes.Set(spec.attr, std::move(list));
      return true;
    }
    case AttrKind::string: {
      std::string value;
      if (token.kind != Token::Kind::string) return FailExpected("a string");
      if (!ParseName(token, value)) return false;
      Take();
      attributes.Set(spec.attr, std::move(value));
      return true;
    }
    case AttrKind::dtype: {
      const auto value = find_dtype(token.kind == Token::Kind::identifier ? token.text : "");
      if (!value) return FailExpected("a dtype");
      Take();
      attributes.Set(spec.attr, *value);
      return true;
    }
    case AttrKind::literal: return SkipLiteral();
    case AttrKind::graph: {
      std::string sub;
      if (token.kind != Token::Kind::graph_name) return FailExpected("the name of a graph (@name)");
      if (!ParseName(token, sub)) return false;
      StatusOr<std::shared_ptr<const Graph>> found = subgraphs_.Find(sub, token);
      if (!found.ok()) return FailWith(found.status());
      Take();
      attributes.Set(spec.attr, *std::move(found));
      return true;
    }
  }
  __builtin_unreachable();
}

bool GraphParser::ParseIntegers(std::vector<std::int64_t>& list) {
  if (!Expect("[", "before a list of integers")) return false;
  if (Accept("]")) return true;
  do {
    std::int64_t value = kToTheEnd;
    if (peek().is_word("end")) {
      Take();
    } else if (!ParseInteger("an integer", value)) {
      return false;
    }
    list.push_back(value);
  } while (Accept(","));
  return Expect("]", "after a list of integers");
}

/// The elements can be read only once the type is known, and it stands behind them.
bool GraphParser::SkipLiteral() {
  literal_.emplace(position());
  std::size_t open = 0;
  do {
    if (peek().kind == Token::Kind::end || peek().kind == Token::Kind::bad || peek().is("}")) {
      return FailExpected(open > 0 ? "']' after the elements of a literal" : "a literal");
    }
    const Token token = Take();
    if (token.is("[")) ++open;
    if (token.is("]") && open > 0) --open;
  } while (open > 0);
  return true;
}

bool GraphParser::FinishLiteral(const Token& op, std::span<const Type> results, Attributes& attributes) {
  if (results.size() != 1 || !results[0].shape.is_static()) {
    return Fail(op,
                cat(op.text, ": needs one static result type behind the literal", numbered(Rule::literal)));
  }
  StatusOr<Literal> literal = parse_literal(*literal_, source_, results[0], subgraphs_.literals);
  if (!literal.ok()) return FailWith(literal.status());
  attributes.Set(Attr::value, *std::move(literal));
  return true;
}

/// A comment of the form `at file:line label="..." scope="..."` on the line of the op is its location;
/// any other comment is a comment.
std::uint32_t GraphParser::ParseLocation(std::uint32_t line) {
  const Token& next = peek();
  const bool has_comment = next.comment_line != 0 && next.comment_line == last().line;
  if (subgraphs_.locate) {
    NodeLocation at;
    if (has_comment) at = parse_location(next.comment).value_or(NodeLocation{});
    if (file_ == nullptr) file_ = intern_file(source_);
    if (!at.source.known()) at.source = {file_, line};
    return graph.AddLocation(std::move(at));
  }
  if (!has_comment) return 0;
  const auto [it, is_new] = locations_.try_emplace(next.comment, 0);
  if (is_new) {
    if (std::optional<NodeLocation> at = parse_location(next.comment)) {
      it->second = graph.AddLocation(*std::move(at));
    }
  }
  return it->second;
}

}  // namespace leat::ir
