// All of Leat's public interface. Include this, or only the parts that are used:
//
//   tensor.h      Tensor, operators                  eval.h        eval, try_eval, wait, wait_all
//   create.h      tensors from data and formulas     context.h     devices, workers, limits
//   elementwise.h, ops.h, nn.h   functions           random.h      Generator
//   function.h    compile(f)                         block_guard.h finds hidden blocking
//   engine.h      one pool for several Contexts, your threads and allocator
//   custom.h      ops of your own                    cuda.h        streams of your own
//   npy.h, dlpack.h              exchange            executable.h, graph_builder.h, future.h   the explicit
//   dump.h                       every stage seen    level
#pragma once

#include "leat/block_guard.h"
#include "leat/context.h"
#include "leat/create.h"
#include "leat/cuda.h"
#include "leat/custom.h"
#include "leat/dlpack.h"
#include "leat/dtype.h"
#include "leat/dump.h"
#include "leat/elementwise.h"
#include "leat/engine.h"
#include "leat/eval.h"
#include "leat/executable.h"
#include "leat/function.h"
#include "leat/future.h"
#include "leat/graph_builder.h"
#include "leat/inspect.h"
#include "leat/live.h"
#include "leat/nn.h"
#include "leat/npy.h"
#include "leat/ops.h"
#include "leat/random.h"
#include "leat/shape.h"
#include "leat/status.h"
#include "leat/step_schedule.h"
#include "leat/tensor.h"
