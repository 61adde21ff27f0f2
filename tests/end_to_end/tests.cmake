# End-to-end tests run the program itself; they need the venv's Python, the demo backbone and WordNet, and say so when one is missing.
function(filigree_e2e name script)
  cmake_parse_arguments(ARG "" "TIMEOUT" "ARGS;LABELS" ${ARGN})
  if(NOT TARGET filigree OR NOT EXISTS "${FILIGREE_PYTHON}")
    message(STATUS "end-to-end test ${name} is left out: it needs the program and FILIGREE_PYTHON (${FILIGREE_PYTHON})")
    return()
  endif()
  add_test(NAME ${name} COMMAND "${FILIGREE_PYTHON}" "${CMAKE_SOURCE_DIR}/tests/end_to_end/${script}" ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT "FILIGREE_BINARY=$<TARGET_FILE:filigree>;FILIGREE_SOURCE=${CMAKE_SOURCE_DIR}"
    LABELS "e2e;${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} PROCESSORS 2)
endfunction()

filigree_e2e(ranks ranks.py TIMEOUT 600 LABELS dist parity)
filigree_e2e(resume_np1 resume.py ARGS 1 1 TIMEOUT 900 LABELS faults)
filigree_e2e(resume_np2 resume.py ARGS 2 2 TIMEOUT 900 LABELS faults dist)
