# The contract's checks, shared by the test of the backends within one process and the one under mpirun.
add_library(dist_contract STATIC "${CMAKE_CURRENT_LIST_DIR}/contract.cpp")
target_link_libraries(dist_contract PUBLIC filigree_dist GTest::gtest)
target_link_libraries(contract_test PRIVATE dist_contract)
target_link_libraries(contract_mpi_test PRIVATE dist_contract)
target_link_libraries(deadline_test PRIVATE GTest::gmock)
target_link_libraries(mpi_pieces_test PRIVATE dist_contract)
