#include "runtime/page_out.h"

#include <sys/mman.h>

namespace leat::runtime {

void page_out(const void* data, std::int64_t bytes) {
  constexpr std::uintptr_t kPage = 4096;
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t begin = (address + kPage - 1) / kPage * kPage,
                       end = (address + static_cast<std::uintptr_t>(bytes)) / kPage * kPage;
  if (begin >= end) return;
  // A wish: kernels before 5.4, and files of others, keep what they have.
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_PAGEOUT);
}

}  // namespace leat::runtime
