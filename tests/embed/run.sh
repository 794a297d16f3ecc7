#!/usr/bin/env bash
# run.sh BUILD_DIR WORK_DIR: installs Leat from its build, moves the prefix, and builds tests/embed against the moved one,
# once through find_package and once through pkg-config; also in one process with another LLVM (the shared one).
set -euo pipefail
build=$1 work=$2 here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
cmake -S "$here" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$work/cmake" >/dev/null
echo "find_package: $("$work/cmake/embedder")"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name leat.pc)")
libdir=$(pkg-config --variable=libdir leat)
g++ "$here/main.cpp" $(pkg-config --cflags leat) -o "$work/by_pkg_config" $(pkg-config --libs leat) -Wl,-rpath,"$libdir"
echo "pkg-config: $("$work/by_pkg_config")"
# No symbol of LLVM or Abseil leaves the library, so the process may hold another LLVM.
if nm -D --defined-only "$libdir/libleat.so" | grep -E ' (_ZN4llvm|_ZNK4llvm|LLVM|_ZN4absl)' | head -n 3 | grep .; then
  echo "libleat.so shows symbols that are not its own" >&2
  exit 1
fi
other=$(find /usr/lib -name 'libLLVM*.so*' 2>/dev/null | head -n 1)
if [ -n "$other" ]; then
  echo "beside $(basename "$other"): $(LD_PRELOAD=$other "$work/by_pkg_config")"
fi
