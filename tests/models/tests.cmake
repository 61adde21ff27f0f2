# Reference numbers from transformers, made in the build folder before the parity test runs.
set(_model_reference "${CMAKE_BINARY_DIR}/reference/models")
add_test(NAME model_reference COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/model_reference.py" "${_model_reference}")
set_tests_properties(model_reference PROPERTIES FIXTURES_SETUP model_reference LABELS unit TIMEOUT 600)
set_tests_properties(model_parity_test PROPERTIES FIXTURES_REQUIRED model_reference)

set(_generate_reference "${CMAKE_BINARY_DIR}/reference/generate")
add_test(NAME generate_reference COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/generate_reference.py" "${_generate_reference}")
set_tests_properties(generate_reference PROPERTIES FIXTURES_SETUP generate_reference LABELS unit TIMEOUT 600)
set_tests_properties(generate_parity_test PROPERTIES FIXTURES_REQUIRED generate_reference)
