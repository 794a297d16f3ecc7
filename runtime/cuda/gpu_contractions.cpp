// The library of contractions of a GPU.
#include "runtime/cuda/cublas_lt.h"
#include "runtime/cuda/gpu.h"

namespace leat::runtime::cuda {

StatusOr<Gpu::Lt> Gpu::Contractions() const {
  if (Status s = lost(); !s.ok()) return s;
  const std::lock_guard lock(lt_mutex_);
  if (lt_.handle != nullptr) return lt_;
  if (!lt_absent_.ok()) return lt_absent_;
  StatusOr<std::shared_ptr<const CublasLt>> library = CublasLt::Open();
  if (!library.ok()) return lt_absent_ = library.status();
  const Current current(*this);
  if (!current.status().ok()) return current.status();
  LtHandle handle = nullptr;
  const Status made = (*library)->Check((*library)->Create(&handle), "cublasLtCreate");
  if (made.ok()) return lt_ = {*std::move(library), handle};
  if (made.code() == Code::resource_exhausted) return Status(made.code(), name() + ": " + made.message());
  return lt_absent_ = Status(Code::not_found,
                             name() + " has no cuBLASLt: " + (*library)->path() + ": " + made.message());
}

Status Gpu::ContractionFailed(const Status& why) {
  const Status status(why.code(), name() + ": " + why.message());
  if (status.code() == Code::resource_exhausted) return status;
  Lose(status);
  return lost();
}

void Gpu::CloseContractions() {
  if (lt_.handle != nullptr) give_back([&] { return lt_.library->Destroy(lt_.handle); });
}

}  // namespace leat::runtime::cuda
