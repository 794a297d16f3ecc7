#include "compiler/attach_epilogues.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "compiler/match_tile_epilogue.h"
#include "runtime/program/kernel_code.h"

namespace leat::compiler {
namespace {

using runtime::KernelStep;
using runtime::Program;
using runtime::Step;
using runtime::StepBody;
using runtime::StepContext;

// A part of a step: sees some of the step's uses.
class PartContext final : public StepContext {
 public:
  PartContext(StepContext& whole, const std::vector<std::uint32_t>& uses, std::size_t first_source)
      : whole_(whole), uses_(uses), first_source_(first_source) {
    for (std::uint32_t u : uses) addresses_.push_back(whole.pointers[u]);
    pointers = addresses_.data();
  }
  void Poison(std::size_t use, const Status& fault, std::size_t source) override {
    whole_.Poison(uses_[use], fault, first_source_ + source);
  }
  bool stopping() const override { return whole_.stopping(); }

 private:
  StepContext& whole_;
  const std::vector<std::uint32_t>& uses_;
  std::size_t first_source_;
  absl::InlinedVector<void*, 16> addresses_;
};

class ContractionWithEpilogue final : public StepBody {
 public:
  struct Part {
    std::shared_ptr<const StepBody> body;
    std::vector<std::uint32_t> uses;  // of the whole step
    std::size_t first_source = 0;
  };
  /// `result`: the use that the contraction writes and the epilogue reads. `units_per_row`: of the epilogue's
  /// parallel elements. `together`: panels whose results stay in the cache from the one to the other.
  ContractionWithEpilogue(Part contraction, Part epilogue, std::uint32_t result, const ContractionRows& rows,
                          std::int64_t units_per_row, std::int64_t together)
      : contraction_(std::move(contraction)),
        epilogue_(std::move(epilogue)),
        result_(result),
        rows_(rows),
        units_per_row_(units_per_row),
        together_(together) {}

  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    PartContext contraction(context, contraction_.uses, contraction_.first_source);
    PartContext epilogue(context, epilogue_.uses, epilogue_.first_source);
    for (std::int64_t panel = begin; panel < end; panel += together_) {
      const std::int64_t next = std::min(panel + together_, end);
      if (Status s = contraction_.body->Execute(contraction, panel, next); !s.ok()) return s;
      if (rows_.row_parts > 1) {
        for (std::int64_t p = panel; p < next; ++p) {
          if (Status s = FollowPart(epilogue, p); !s.ok()) return s;
        }
      } else {
        const std::int64_t first = panel * rows_.rows_per_unit, last = next * rows_.rows_per_unit;
        if (Status s = epilogue_.body->Execute(epilogue, first * units_per_row_,
                                               std::min(last, rows_.rows) * units_per_row_);
            !s.ok()) {
          return s;
        }
      }
    }
    return {};
  }
  bool Depends(std::size_t write, std::size_t read) const override {
    return Depends(contraction_, write, read) || Depends(epilogue_, write, read) ||
           (Depends(epilogue_, write, result_) && Depends(contraction_, result_, read));
  }
  bool ReadsUnaligned(std::size_t read) const override {
    for (const Part* part : {&contraction_, &epilogue_}) {
      for (std::size_t u = 0; u < part->uses.size(); ++u) {
        if (part->uses[u] == read && !part->body->ReadsUnaligned(u)) return false;
      }
    }
    return true;
  }
  std::string_view kind() const override { return contraction_.body->kind(); }
  std::string ToString() const override {
    return absl::StrCat(contraction_.body->ToString(), " then ", epilogue_.body->ToString());
  }
  const StepBody& epilogue() const { return *epilogue_.body; }
  const StepBody& contraction() const { return *contraction_.body; }

 private:
  /// The epilogue of a panel that is parts of rows.
  Status FollowPart(PartContext& context, std::int64_t panel) const {
    const std::int64_t first_row = panel / rows_.row_parts * rows_.rows_per_unit;
    const std::int64_t first = panel % rows_.row_parts * rows_.part_elements;
    const std::int64_t last = std::min(first + rows_.part_elements, rows_.row_elements);
    for (std::int64_t row = first_row; row < std::min(first_row + rows_.rows_per_unit, rows_.rows); ++row) {
      const std::int64_t at = row * rows_.row_elements;
      if (Status s = epilogue_.body->Execute(context, at + first, at + last); !s.ok()) return s;
    }
    return {};
  }
  static bool Depends(const Part& part, std::size_t write, std::size_t read) {
    const auto at = [&](std::size_t use) {
      return static_cast<std::size_t>(std::find(part.uses.begin(), part.uses.end(), use) - part.uses.begin());
    };
    return at(write) < part.uses.size() && at(read) < part.uses.size() &&
           part.body->Depends(at(write), at(read));
  }

  Part contraction_, epilogue_;
  std::uint32_t result_;
  ContractionRows rows_;
  std::int64_t units_per_row_;
  std::int64_t together_;
};

// How many parallel indices of the kernel a row of the contraction's result is, if the kernel walks buffer
// `x` in order, row after row; 0 otherwise.
std::int64_t kernel_units_per_row(const Step& step, std::uint32_t x, const ContractionRows& rows) {
  const auto& kernel_step = static_cast<const KernelStep&>(*step.body);
  const ir::Kernel& kernel = kernel_step.code()->kernel();
  const auto& arguments = kernel_step.arguments();
  if (kernel.pattern == ir::Kernel::Pattern::column_reduce) return 0;
  const std::size_t rank = arguments.sizes.size();
  bool found = false;
  for (const ir::Kernel::Input& input : kernel.inputs) {
    if (input.kind != ir::Kernel::Input::Kind::memory || step.uses[input.slot].buffer != x) continue;
    const std::int64_t* access = &arguments.accesses[input.access * (rank + 1)];
    std::int64_t stride = 1;
    if (access[0] != 0) return 0;
    for (std::size_t d = rank; d-- > 0;) {
      if (arguments.sizes[d] != 1 && access[d + 1] != stride) return 0;
      stride *= arguments.sizes[d];
    }
    if (stride != rows.rows * rows.row_elements) return 0;
    found = true;
  }
  if (!found) return 0;
  if (kernel.pattern == ir::Kernel::Pattern::map) return rows.row_elements;
  return rows.row_parts == 1 && arguments.sizes.back() == rows.row_elements ? 1 : 0;
}

// Makes `reader` a part of the step of the contraction, on each of its panels.
void add_as_part(const Program& program, Step& contraction, const Step& reader, const ContractionRows& rows,
                 std::uint32_t x_use, std::int64_t units_per_row) {
  // In the third-level cache of Zen 3. With fewer panels at once a packed operand that is larger than the
  // second-level cache comes from afar too often: 2048 cubed with gelu, 256 KB 163 ms, 1 MB 147 ms.
  constexpr std::int64_t kBytesTogether = 1 << 20;
  ContractionWithEpilogue::Part first, second;
  first.body = contraction.body;
  second.body = reader.body;
  second.first_source = contraction.sources.size();
  for (std::uint32_t u = 0; u < contraction.uses.size(); ++u) first.uses.push_back(u);
  for (const runtime::Use& use : reader.uses) {
    const auto same = std::find_if(contraction.uses.begin(), contraction.uses.end(),
                                   [&](const runtime::Use& u) { return u.buffer == use.buffer; });
    second.uses.push_back(static_cast<std::uint32_t>(same - contraction.uses.begin()));
    if (same == contraction.uses.end()) contraction.uses.push_back(use);
  }
  const std::int64_t panel_bytes =
      std::max<std::int64_t>(1, program.buffers[contraction.uses[x_use].buffer].bytes /
                                    std::max<std::int64_t>(1, contraction.units));
  contraction.body = std::make_shared<ContractionWithEpilogue>(
      std::move(first), std::move(second), x_use, rows, units_per_row,
      std::max<std::int64_t>(1, kBytesTogether / panel_bytes));
}

// The kernel `reader`, the only one of x, as what the convolution before it does with its sums itself.
std::optional<MatchedTileEpilogue> tile_epilogue_of(const Program& program, const Step& contraction,
                                                    const Step& reader, std::uint32_t x) {
  const auto* const tiles = dynamic_cast<const runtime::cpu::TiledConvolution*>(contraction.body.get());
  if (tiles == nullptr || program.buffers[x].kind != runtime::BufferInfo::Kind::temporary) return {};
  return match_tile_epilogue(program, reader, x, tiles->descriptor());
}

}  // namespace

const StepBody* epilogue_of(const StepBody& body) {
  const auto* both = dynamic_cast<const ContractionWithEpilogue*>(&body);
  return both == nullptr ? nullptr : &both->epilogue();
}

const StepBody& contraction_of(const StepBody& body) {
  const auto* both = dynamic_cast<const ContractionWithEpilogue*>(&body);
  return both == nullptr ? body : both->contraction();
}

void attach_epilogues(Program& program, const std::vector<ContractionRows>& contractions,
                      std::vector<FusionBoundary>* boundaries) {
  constexpr std::uint32_t kNone = 0xffffffffu;
  const std::size_t count = program.steps.size();
  std::vector<std::uint32_t> last_writer(program.buffers.size(), kNone), readers(program.buffers.size(), 0);
  for (std::uint32_t s = 0; s < count; ++s) {
    for (const runtime::Use& use : program.steps[s].uses) {
      if (use.write) {
        last_writer[use.buffer] = s;
      } else {
        ++readers[use.buffer];
      }
    }
  }
  std::vector<bool> gone(count, false);
  bool any = false;
  // Why the contraction runs without this reader, or any reader (null).
  const auto refuse = [&](const Step& contraction, const Step* reader, const char* why) {
    if (boundaries == nullptr) return;
    for (FusionBoundary& b : *boundaries) {
      if (b.producer != contraction.nodes[0] || (reader != nullptr && b.reader != reader->nodes[0])) continue;
      b.why = absl::StrCat("it is no epilogue of the ", std::string(contraction.body->kind()), ": ", why);
    }
  };
  for (const ContractionRows& rows : contractions) {
    Step& contraction = program.steps[rows.step];
    if (rows.rows_per_unit <= 0) {
      refuse(contraction, nullptr, "its panels are not blocks of whole rows");
      continue;
    }
    const auto result =
        std::find_if(contraction.uses.begin(), contraction.uses.end(),
                     [](const runtime::Use& use) { return use.write; });  // before the scratch
    const auto x_use = static_cast<std::uint32_t>(result - contraction.uses.begin());
    const std::uint32_t x = result->buffer;
    // The first reader of the result, if all else that it reads is there before the contraction starts.
    for (std::uint32_t s = rows.step + 1; s < count; ++s) {
      Step& reader = program.steps[s];
      const bool reads = std::any_of(reader.uses.begin(), reader.uses.end(),
                                     [&](const runtime::Use& u) { return u.buffer == x && !u.write; });
      if (!reads) continue;
      if (gone[s] || !reader.body || reader.body->kind() != "kernel") {
        refuse(contraction, nullptr, "the first reader of its result is another step");
        break;
      }
      const std::int64_t per_row = kernel_units_per_row(reader, x, rows);
      const bool others_ready =
          std::all_of(reader.uses.begin(), reader.uses.end(), [&](const runtime::Use& u) {
            return u.write || u.buffer == x || last_writer[u.buffer] == kNone ||
                   last_writer[u.buffer] < rows.step;
          });
      if (per_row == 0 || !others_ready) {
        refuse(contraction, nullptr, "the first reader of its result is another step");
        refuse(contraction, &reader,
               per_row == 0 ? "the kernel does not walk the result row by row"
                            : "the kernel reads what is computed later than the contraction");
        break;
      }
      std::optional<MatchedTileEpilogue> matched;
      if (readers[x] == 1) matched = tile_epilogue_of(program, contraction, reader, x);
      if (matched) {
        const auto& tiles = static_cast<const runtime::cpu::TiledConvolution&>(*contraction.body);
        contraction.body = tiles.With(matched->epilogue);
        contraction.uses[x_use].buffer = matched->out;
        for (const std::uint32_t buffer : matched->reads) contraction.uses.push_back({buffer, false});
        last_writer[matched->out] = rows.step;
        program.buffers[x].bytes = 0;  // never written
      } else {
        add_as_part(program, contraction, reader, rows, x_use, per_row);
        for (const runtime::Use& use : reader.uses) {
          if (use.write) last_writer[use.buffer] = rows.step;
        }
      }
      refuse(contraction, nullptr, "a contraction has one epilogue, and another kernel is it");
      if (boundaries != nullptr) {
        std::erase_if(*boundaries, [&](const FusionBoundary& b) {
          return b.producer == contraction.nodes[0] && b.reader == reader.nodes[0];
        });
      }
      // Each in its own unit: scaled to what the two steps cost.
      const auto scaled = [](const Step& step) {
        std::vector<float> shares(step.sources.size(), 1.0f);
        if (step.shares.size() == shares.size()) shares = step.shares;
        float sum = 0;
        for (const float share : shares) sum += share;
        for (float& share : shares) share *= sum > 0 ? static_cast<float>(step.cost_ns) / sum : 0.0f;
        return shares;
      };
      std::vector<float> shares = scaled(contraction);
      const std::vector<float> others = scaled(reader);
      shares.insert(shares.end(), others.begin(), others.end());
      contraction.shares = std::move(shares);
      contraction.sources.insert(contraction.sources.end(), reader.sources.begin(), reader.sources.end());
      contraction.nodes.insert(contraction.nodes.end(), reader.nodes.begin(), reader.nodes.end());
      absl::StrAppend(&contraction.name, "+", reader.name);
      contraction.cost_ns += reader.cost_ns;
      gone[s] = true;
      any = true;
      break;
    }
  }
  if (!any) return;
  std::vector<Step> steps;
  for (std::uint32_t s = 0; s < count; ++s) {
    if (!gone[s]) steps.push_back(std::move(program.steps[s]));
  }
  program.steps = std::move(steps);
}

}  // namespace leat::compiler
