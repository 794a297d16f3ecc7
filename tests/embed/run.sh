#!/usr/bin/env bash
# run.sh BUILD_DIR WORK_DIR: installs Leat from its build, moves the prefix, and builds tests/embed against the moved one,
# once through find_package and once through pkg-config; also in one process with another LLVM (the shared one). Then
# looks at what the library shows.
set -euo pipefail
build=$1 work=$2 here=$(cd "$(dirname "$0")" && pwd)
fail() { echo "embed: $*" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"

# Nothing that is installed remembers where it was built or first lay.
for place in "$work/first" "$(cd "$build" && pwd)"; do
  if grep -rlF --include='*.cmake' --include='*.pc' --include='*.h' "$place" "$work/moved"; then
    fail "the files above name $place"
  fi
done
# Public headers use the standard library only.
if grep -hE '^#include' "$work"/moved/include/leat/*.h | grep -vE '^#include (<[a-z_]+>|"leat/[a-z_]+\.h")$'; then
  fail "the public headers include the above"
fi

cmake -S "$here" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$work/cmake" >/dev/null
echo "find_package: $("$work/cmake/embedder")"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name leat.pc)")
libdir=$(pkg-config --variable=libdir leat)
g++ "$here/main.cpp" $(pkg-config --cflags leat) -o "$work/by_pkg_config" $(pkg-config --libs leat) -ldl \
  -Wl,-rpath,"$libdir"
echo "pkg-config: $("$work/by_pkg_config")"
# The program that the README opens with compiles as it stands and prints what it says.
awk '/^```cpp/ {on = 1; next} /^```/ {if (on) exit} on' "$here/../../README.md" >"$work/readme.cpp"
g++ -std=c++20 "$work/readme.cpp" $(pkg-config --cflags leat) -o "$work/readme" $(pkg-config --libs leat) \
  -Wl,-rpath,"$libdir"
[ "$("$work/readme")" = 256 ] || fail "the README's program does not print 256"
if [ -x "$work/moved/bin/leat" ]; then
  "$work/moved/bin/leat" info >/dev/null || fail "the installed leat command does not run"
fi

# Beside another LLVM: loaded before everything (its symbols come first), and loaded and used by the program.
other=$(find /usr/lib -name 'libLLVM*.so*' 2>/dev/null | head -n 1)
if [ -n "$other" ]; then
  echo "beside $(basename "$other"): $(LD_PRELOAD=$other "$work/by_pkg_config" "$other")"
else
  echo "beside another LLVM: not tried, there is no libLLVM*.so under /usr/lib"
fi

# No symbol of LLVM or Abseil leaves the library, nor one of Leat's that the public headers do not name.
library=$(readlink -f "$libdir/libleat.so")
nm -DC --defined-only "$library" | cut -d' ' -f3- | sort -u >"$work/symbols"
[ -s "$work/symbols" ] || fail "libleat.so shows nothing"
if grep -vE '(^|[ *&(])leat::' "$work/symbols" | head -n 5 | grep .; then
  fail "libleat.so shows the symbols above, which are not of namespace leat"
fi
if grep -E '(^|for )leat::(frontend|ir|runtime|compiler|codegen|tool)::' "$work/symbols" | head -n 5 | grep .; then
  fail "libleat.so shows the symbols above, which lie below the public API"
fi
# The last name of "leat::Tensor::item() const", "vtable for leat::Error", "leat::eval[abi:cxx11](...)", "operator<<".
cat "$work"/moved/include/leat/*.h >"$work/headers"
grep -oE '(^|for )leat::[A-Za-z0-9_:~]+' "$work/symbols" | sed -E 's/.*:://; s/^~//' | grep -v '^operator' | sort -u |
  while read -r name; do
    grep -qw -- "$name" "$work/headers" || { echo "$name"; touch "$work/foreign"; }
  done
[ ! -e "$work/foreign" ] || fail "libleat.so shows the names above, which no public header declares"
echo "symbols: $(wc -l <"$work/symbols"), all of the public API"
