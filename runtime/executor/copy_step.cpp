#include "runtime/executor/copy_step.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace leat::runtime {
namespace {

// One core of a current server copies about this much.
constexpr double kBytesPerNs = 8;

class CopyStep final : public StepBody {
 public:
  explicit CopyStep(std::int64_t bytes) : bytes_(bytes) {}
  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t first = begin * kCopyBlock, last = std::min(bytes_, end * kCopyBlock);
    if (first < last) {
      std::memcpy(static_cast<std::byte*>(context.pointers[1]) + first,
                  static_cast<const std::byte*>(context.pointers[0]) + first,
                  static_cast<std::size_t>(last - first));
    }
    return {};
  }
  std::string_view kind() const override { return "copy"; }
  std::string ToString() const override { return "copy " + std::to_string(bytes_) + "B"; }

 private:
  const std::int64_t bytes_;
};

}  // namespace

CopyPlan plan_copy(std::int64_t bytes) {
  return {std::make_shared<CopyStep>(bytes), std::max<std::int64_t>(1, (bytes + kCopyBlock - 1) / kCopyBlock),
          20 + static_cast<double>(bytes) / kBytesPerNs};
}

}  // namespace leat::runtime
