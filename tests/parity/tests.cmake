# What these leave in the build folder, read by transformers.
set_tests_properties(export_test supertuning_export_test export_dtype_test PROPERTIES FIXTURES_SETUP export_cases)
add_test(NAME export_transformers COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/export_check.py"
         "${CMAKE_BINARY_DIR}/reference/export")
set_tests_properties(export_transformers PROPERTIES FIXTURES_REQUIRED export_cases LABELS unit TIMEOUT 600)
add_test(NAME export_transformers4 COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/export_check.py"
         "${CMAKE_BINARY_DIR}/reference/export" transformers4)
set_tests_properties(export_transformers4 PROPERTIES FIXTURES_REQUIRED export_cases LABELS unit TIMEOUT 600 SKIP_RETURN_CODE 77)
