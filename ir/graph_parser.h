// Parses one graph of a text. Private to ir; ir/parser.h is the way in.
//
// A GraphParser lives for one graph. Sub-graphs that it names are parsed when they are met, through
// the SubgraphSource, which also keeps what all graphs of a text share.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/parser_base.h"

namespace leat::ir {

class SubgraphSource {
 public:
  virtual ~SubgraphSource() = default;
  /// The graph of that name, or an error that names the token.
  virtual StatusOr<std::shared_ptr<const Graph>> Find(const std::string& name, const Token& at) = 0;
  LiteralBudget literals;
  std::size_t nodes = 0;  // of all graphs so far
  bool locate = false;    // ParseOptions
};

class GraphParser : public ParserBase {
 public:
  GraphParser(Lexer lexer, std::string_view source, SubgraphSource& subgraphs)
      : ParserBase(lexer, source), subgraphs_(subgraphs) {}
  bool ParseGraph();  // graph @name(...) -> (...) { ... }
  bool ParseBody();   // without a header: up to the end or the first graph
  Graph graph;

 private:
  bool ParseHeader();
  bool ParseParameter(const Token& name);  // from its type on
  bool ParseStatement(bool declarations);
  bool ParseOp(const Token& name);  // from the op on
  bool ParseAttributes(const OpInfo& info, Attributes& attributes);
  bool ParseAttribute(const AttrSpec& spec, Attributes& attributes);
  bool ParseIntegers(std::vector<std::int64_t>& list);
  bool SkipLiteral();
  bool FinishLiteral(const Token& op, std::span<const Type> results, Attributes& attributes);
  bool MakeMatmul(const Token& op, std::span<const Value> inputs, Attributes& attributes);
  bool ParseReturn();
  bool CheckOutputs(const Token& header);
  bool ParseValue(Value& value);
  bool ParseType(Type& type);
  bool ParseDim(Shape& shape);
  bool ParseSymbol(Shape& shape);
  bool Define(const Token& name);
  bool Key(const Token& name, std::string& key);
  std::uint32_t ParseLocation(std::uint32_t line);

  SubgraphSource& subgraphs_;
  std::unordered_map<std::string, std::uint32_t> values_;
  std::unordered_map<std::string, std::int64_t> symbols_;
  std::map<std::string_view, std::uint32_t> locations_;  // by comment, where it says all
  const char* file_ = nullptr;                           // source_, interned; for locate
  std::vector<Type> promised_;                           // by the header
  bool promises_ = false;
  std::optional<Lexer> literal_;  // where the literal of the op begins that is being parsed
  std::optional<std::uint32_t> last_op_;
};

}  // namespace leat::ir
