# The files that safetensors_test wrote, shown to the safetensors package.
set_tests_properties(safetensors_test PROPERTIES FIXTURES_SETUP safetensors_files)
add_test(NAME safetensors_check
         COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/safetensors_check.py" "${CMAKE_BINARY_DIR}/safetensors_test")
set_tests_properties(safetensors_check PROPERTIES FIXTURES_REQUIRED safetensors_files LABELS unit TIMEOUT 120)
