#pragma once
// The contract of a Communicator as a list of checks that every backend runs: contract_test.cpp in one process (single,
// threads), contract_mpi_test.cpp under mpirun (mpi, nccl). A check is called by all ranks of the communicator at once.
#include <gtest/gtest.h>

#include <ATen/core/Tensor.h>

#include <ostream>
#include <vector>

#include "dist/communicator.h"

namespace filigree::dist::contract {

struct Check {
  const char* name;
  void (*body)(Communicator&, at::Device);
};

inline void PrintTo(const Check& check, std::ostream* out) { *out << check.name; }

const std::vector<Check>& checks();

/// The check's name for gtest.
inline std::string name_of(const testing::TestParamInfo<Check>& info) { return info.param.name; }

/// Why CUDA tensors cannot be tested here; empty when they can.
std::string no_cuda_reason();

}  // namespace filigree::dist::contract
