// What a call of the expression level throws, as a Status.
#pragma once

#include "leat/status.h"

namespace leat {

template <class F>
Status status_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.status();
  }
  return {};
}

}  // namespace leat
