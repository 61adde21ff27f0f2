# filigree_precompiled(TARGET plain|library|test): precompiles the headers that most files include, once per build, for
# all targets of that kind. `plain` is for targets that do not link LibTorch and so cannot include it. FILIGREE_PCH=OFF
# (the cpu preset) builds without them, which proves that each file includes what it uses.
option(FILIGREE_PCH "Precompile the headers that most files include" ON)

set(_filigree_common <fmt/format.h> <algorithm> <cstdint> <filesystem> <functional> <map> <memory> <optional>
    <string> <vector>)

function(_filigree_precompile name)
  cmake_parse_arguments(ARG "" "" "LINK;HEADERS" ${ARGN})
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/${name}.cpp" CONTENT "")
  add_library(${name} OBJECT "${CMAKE_BINARY_DIR}/${name}.cpp")
  target_link_libraries(${name} PRIVATE filigree_flags fmt::fmt ${ARG_LINK})
  target_precompile_headers(${name} PRIVATE ${_filigree_common} ${ARG_HEADERS})
endfunction()

function(filigree_precompiled target kind)
  if(NOT FILIGREE_PCH)
    return()
  endif()
  if(NOT TARGET filigree_pch_${kind})
    if(kind STREQUAL "test")
      _filigree_precompile(filigree_pch_test LINK LibTorch::cpu GTest::gtest HEADERS <ATen/core/Tensor.h> <gtest/gtest.h>)
    elseif(kind STREQUAL "plain")
      _filigree_precompile(filigree_pch_plain LINK nlohmann_json::nlohmann_json HEADERS <nlohmann/json.hpp>)
    else()
      _filigree_precompile(filigree_pch_library LINK LibTorch::cpu nlohmann_json::nlohmann_json
        HEADERS <ATen/core/Tensor.h> <nlohmann/json.hpp>)
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM filigree_pch_${kind})
endfunction()
