#!/usr/bin/env bash
# launcher.sh WORK_DIR COMPILER...: what the build compiles with (through ccache, where it is there) sees a change of a
# precompiled header's text that changes no token: the new text must count as the one that was precompiled.
set -euo pipefail
work=$1
shift
rm -rf "$work"
mkdir -p "$work"
cd "$work"
export CCACHE_DIR=$work/cache CCACHE_TEMPDIR=$work/cache
echo '#include "header.h"' >all.hxx
for text in old new; do
  printf '#pragma once\n// %s\nstruct Once {};\n' $text >header.h
  printf '#include "header.h"\nOnce the_%s_one;\n' $text >use.cpp
  "$@" -I. -Winvalid-pch -MD -MT all.hxx.gch -MF all.hxx.gch.d -x c++-header -o all.hxx.gch -c all.hxx
  "$@" -I. -Winvalid-pch -include all.hxx -MD -MT use.o -MF use.o.d -o use.o -c use.cpp
done
