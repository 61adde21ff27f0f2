# Checks of the sources themselves.
foreach(check IN ITEMS includes tree format doxygen)
  add_test(NAME style_${check} COMMAND "${CMAKE_SOURCE_DIR}/tests/check_${check}.sh")
  set_tests_properties(style_${check} PROPERTIES LABELS style SKIP_RETURN_CODE 77 TIMEOUT 120)
endforeach()
# Stops by itself after 120 s and one file.
add_test(NAME style_tidy COMMAND "${CMAKE_SOURCE_DIR}/tests/check_tidy.sh")
set_tests_properties(style_tidy PROPERTIES LABELS style SKIP_RETURN_CODE 77 TIMEOUT 300 PROCESSORS 2
                     ENVIRONMENT "FILIGREE_BUILD_DIR=${CMAKE_BINARY_DIR}")
add_test(NAME style_checks_selftest COMMAND "${CMAKE_SOURCE_DIR}/tests/style/checks_selftest.sh")
set_tests_properties(style_checks_selftest PROPERTIES LABELS style TIMEOUT 120)
