# How the floors of the house become targets.

# g++ 12 sees uninitialised members in moved absl::InlinedVectors where there are none, and at -Og only half of the
# allocation functions of LLVM's users.
set(LEAT_WARNINGS -Wall -Wextra -Werror -Wno-uninitialized -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
if(CMAKE_BUILD_TYPE STREQUAL Release OR LEAT_SANITIZE)  # and more such in Abseil and strings at -O2, once they are precompiled
  list(APPEND LEAT_WARNINGS -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)  # the preset fuzz; g++ is what decides about warnings
  set(LEAT_WARNINGS -w)
endif()
# The numbers are exact: nothing is contracted, ever. A meaning that wants an fma writes one.
set(LEAT_FLOAT_FLAGS -ffp-contract=off)

if(LEAT_SANITIZE)
  add_compile_options(-fsanitize=${LEAT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LEAT_SANITIZE})
  if(LEAT_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)  # they ask for type information, and LLVM's libraries have none
    add_compile_options(-fno-sanitize=vptr,function)
  endif()
endif()

# What nearly every file of a target reads, read once: the common standard headers, and the headers named, which half of
# its files read anyway. Files still include what they use: LEAT_PRECOMPILE=OFF shows it.
option(LEAT_PRECOMPILE "Precompile the headers that most files of a target read" ON)
function(leat_precompile target)
  if(LEAT_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <atomic> <functional> <memory> <mutex> <optional> <span>
                                                <string> <vector> ${ARGN})
  endif()
endfunction()

# The same, read once for `first` and all others like it.
function(leat_precompile_like first target)
  if(LEAT_PRECOMPILE AND NOT first STREQUAL target)
    target_precompile_headers(${target} REUSE_FROM ${first})
  elseif(LEAT_PRECOMPILE)
    leat_precompile(${target} ${ARGN})
  endif()
endfunction()

# What only drives the library is compiled in two thirds of the time without optimisation (tests, the tool, examples; but
# not under sanitizers, where it is slow enough).
function(leat_unoptimised target)
  if(NOT LEAT_SANITIZE)
    target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
  endif()
endfunction()

# So many files of a target are compiled as one: what they share of templates becomes code once. A name that only one file
# uses (in an unnamed namespace) is therefore unique in its library.
set(LEAT_TOGETHER 8 CACHE STRING "Files that are compiled as one; 1 rebuilds faster after a change, and from nothing slower")
function(leat_together target)
  if(LEAT_TOGETHER GREATER 1)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${LEAT_TOGETHER})
  endif()
endfunction()

function(leat_floor name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRECOMPILE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${ARG_SOURCES})
  if(NOT sources)
    add_library(leat_${name} INTERFACE)
    target_include_directories(leat_${name} INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(leat_${name} INTERFACE ${ARG_LINK})
    return()
  endif()
  add_library(leat_${name} STATIC ${sources})
  target_include_directories(leat_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(leat_${name} PRIVATE ${LEAT_WARNINGS} ${LEAT_FLOAT_FLAGS})
  target_link_libraries(leat_${name} PUBLIC ${ARG_LINK})
  leat_precompile(leat_${name} ${ARG_PRECOMPILE})
  leat_together(leat_${name})
endfunction()

# Files named *_avx2.cpp and *_avx512.cpp are compiled for that instruction set; the code in them is
# reached only after a CPU check. Files named *_baseline.cpp are their siblings for any x86-64.
# Neither floating-point exceptions nor errno are part of any meaning; with them, loops over floor, select or
# sqrt are not vectorised (log 0.8 against 7.4 ns/element). No value depends on these flags.
function(leat_multiversion_sources)
  file(GLOB_RECURSE baseline CONFIGURE_DEPENDS ir/*_baseline.cpp runtime/*_baseline.cpp)
  file(GLOB_RECURSE avx2 CONFIGURE_DEPENDS ir/*_avx2.cpp runtime/*_avx2.cpp)
  file(GLOB_RECURSE avx512 CONFIGURE_DEPENDS ir/*_avx512.cpp runtime/*_avx512.cpp)
  # Where speed is not the point, vectors are enough, in half the time.
  set(level "$<IF:$<CONFIG:Release>,-O3,-O1;-ftree-vectorize;$<$<CXX_COMPILER_ID:GNU>:-fvect-cost-model=dynamic>>")
  set(loops "${level};-fno-trapping-math;-fno-math-errno")
  set_source_files_properties(${baseline} ${avx2} ${avx512} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)  # other flags
  set_source_files_properties(${baseline} PROPERTIES COMPILE_OPTIONS "${loops}")
  if(LEAT_SANITIZE MATCHES fuzzer)  # clang needs minutes for each; the presets asan and tsan have them
    list(APPEND loops -fno-sanitize=all)
  endif()
  set_source_files_properties(${avx2} PROPERTIES COMPILE_OPTIONS "${loops};-mavx2;-mfma;-mf16c")
  set_source_files_properties(
    ${avx512} PROPERTIES COMPILE_OPTIONS
    "${loops};-mavx2;-mfma;-mf16c;-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mprefer-vector-width=512")
  file(GLOB kernels CONFIGURE_DEPENDS runtime/cpu/*_kernel_avx*.cpp)  # written in vectors
  set_property(SOURCE ${kernels} APPEND PROPERTY COMPILE_OPTIONS "$<$<NOT:$<CONFIG:Release>>:-fno-tree-vectorize>")
endfunction()

function(leat_link_onednn target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL INTERFACE_LIBRARY)
    return()
  endif()
  # Not find_package(dnnl): Debian's config file insists on OpenCL headers, which we do not use.
  find_library(LEAT_DNNL_LIBRARY dnnl REQUIRED)
  find_path(LEAT_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)  # not LLVM's OpenMP: the settings must reach the one that oneDNN uses
    find_library(LEAT_GOMP_LIBRARY gomp REQUIRED PATHS /usr/lib/gcc/x86_64-linux-gnu/12)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/gomp/omp.h CONTENT  # what Leat calls: g++'s header is for g++ alone
         "extern \"C\" int omp_get_max_threads();\nextern \"C\" void omp_set_num_threads(int);\n")
    add_library(OpenMP::OpenMP_CXX INTERFACE IMPORTED GLOBAL)
    target_include_directories(OpenMP::OpenMP_CXX SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/gomp)
    target_link_libraries(OpenMP::OpenMP_CXX INTERFACE ${LEAT_GOMP_LIBRARY})
  else()
    find_package(OpenMP REQUIRED)
  endif()
  target_include_directories(${target} SYSTEM PRIVATE ${LEAT_DNNL_INCLUDE})
  target_link_libraries(${target} PRIVATE ${LEAT_DNNL_LIBRARY} OpenMP::OpenMP_CXX ${CMAKE_DL_LIBS})
endfunction()

# More components of LLVM follow the target.
function(leat_link_llvm target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL INTERFACE_LIBRARY)
    return()
  endif()
  # Asked for without a version: LLVM's version file accepts an exact major.minor only.
  find_package(LLVM REQUIRED CONFIG PATHS /usr/lib/llvm-19 NO_DEFAULT_PATH)
  if(NOT LLVM_VERSION_MAJOR EQUAL 19)
    message(FATAL_ERROR "Leat is built with LLVM 19, found ${LLVM_PACKAGE_VERSION}")
  endif()
  # System headers: LLVM's own warnings are not ours.
  target_include_directories(${target} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
  llvm_map_components_to_libnames(libs orcjit native nvptxcodegen nvptxdesc nvptxinfo passes ${ARGN})
  target_link_libraries(${target} PRIVATE ${libs})
  target_link_options(${target} INTERFACE ${LEAT_KEEP_STATICS})
endfunction()
# See compiler/codegen/process_end.h. Asked for by name (-u): a program that takes no Context would leave it in its archive.
set(LEAT_KEEP_STATICS LINKER:--wrap=__cxa_atexit LINKER:-u,__wrap___cxa_atexit)

# A hash of the sources that decide what machine code a kernel becomes: part of the key of the disk cache, so that
# an object never outlives its emitter. A change of any of them configures again.
function(leat_emitter_version)
  file(GLOB sources CONFIGURE_DEPENDS ir/ops.def ir/meaning/*.h compiler/codegen/*.*
       compiler/codegen/cpu/* compiler/codegen/cuda/*)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  set(all "")
  foreach(source ${sources})
    file(SHA256 ${source} hash)
    string(APPEND all ${hash})
  endforeach()
  string(SHA256 version "${all}")
  string(SUBSTRING ${version} 0 16 version)
  set_source_files_properties(compiler/codegen/code_cache.cpp PROPERTIES COMPILE_DEFINITIONS
                              "LEAT_EMITTER_VERSION=\"${version}\"")
endfunction()

# The page that dumps write (HTML, CSS, JavaScript) is compiled in from its files; the JSON in it through nlohmann's
# headers, which nobody else sees.
function(leat_embed_page target)
  find_package(nlohmann_json REQUIRED)
  get_target_property(headers nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
  target_include_directories(${target} SYSTEM PRIVATE ${headers})
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/compiler/frontend/view/page/*)
  set(output ${PROJECT_BINARY_DIR}/page_files.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" -DOUTPUT=${output} -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# The one library that embedders link: all floors, with LLVM and Abseil inside and hidden, so that it lives beside any
# other LLVM of the process. Only what the public headers declare is visible.
function(leat_library)
  foreach(floor ir runtime compiler codegen frontend onnx)
    get_target_property(type leat_${floor} TYPE)
    if(type STREQUAL INTERFACE_LIBRARY)
      return()
    endif()
    list(APPEND objects $<TARGET_OBJECTS:leat_${floor}>)
    get_target_property(links leat_${floor} LINK_LIBRARIES)
    foreach(link ${links})
      if(NOT link MATCHES "^leat_")
        list(APPEND libraries ${link})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES libraries)
  add_library(leat SHARED ${objects})
  add_library(leat::leat ALIAS leat)
  target_include_directories(leat PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                         $<INSTALL_INTERFACE:include>)
  target_compile_features(leat PUBLIC cxx_std_20)
  target_link_libraries(leat PRIVATE ${libraries})
  target_link_options(leat PRIVATE ${LEAT_KEEP_STATICS} -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/leat.map -Wl,--gc-sections)
  set_target_properties(leat PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                        LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/leat.map)

  include(GNUInstallDirs)
  include(CMakePackageConfigHelpers)
  install(TARGETS leat EXPORT leatTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY include/leat DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/leat)
  install(EXPORT leatTargets NAMESPACE leat:: DESTINATION ${package_dir} FILE leatTargets.cmake)
  configure_package_config_file(cmake/leatConfig.cmake.in leatConfig.cmake INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(leatConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/leatConfig.cmake ${PROJECT_BINARY_DIR}/leatConfigVersion.cmake
          DESTINATION ${package_dir})
  # How far pkgconfig/ lies below the prefix, so that the .pc file follows when the prefix moves.
  string(REGEX REPLACE "[^/]+" ".." up "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  set(LEAT_PC_PREFIX "\${pcfiledir}/${up}")
  configure_file(cmake/leat.pc.in leat.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/leat.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
