// Data types and reductions of the MPI backend.
#include <c10/util/BFloat16.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "dist/mpi/comm_mpi_internal.h"

namespace filigree::dist {
namespace {

// libmpi passes two arrays of *length elements.
// NOLINTBEGIN(readability-non-const-parameter): the signature is MPI's
template <class T>
void maximum(void* in, void* inout, int* length, MPI_Datatype*) {
  const T* a = static_cast<const T*>(in);
  T* b = static_cast<T*>(inout);
  for (int i = 0; i < *length; ++i) {
    if (std::isnan(static_cast<float>(a[i])) || a[i] > b[i]) b[i] = a[i];
  }
}

void bf16_sum(void* in, void* inout, int* length, MPI_Datatype*) {
  const auto* a = static_cast<const c10::BFloat16*>(in);
  auto* b = static_cast<c10::BFloat16*>(inout);
  for (int i = 0; i < *length; ++i) b[i] = static_cast<float>(a[i]) + static_cast<float>(b[i]);
}
// NOLINTEND(readability-non-const-parameter)

MPI_Op make(MPI_User_function* function) {
  MPI_Op op = MPI_OP_NULL;
  MPI_CHECK(MPI_Op_create(function, /*commute=*/1, &op));
  return op;
}

}  // namespace

std::string mpi_error_text(int code) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) return fmt::format("error {}", code);
  return std::string(text, static_cast<size_t>(length));
}

void check_mpi(int code, const char* file, int line, const char* expression) {
  if (code == MPI_SUCCESS) return;
  int rank = -1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const char* base = std::strrchr(file, '/');
  throw CommError(fmt::format("rank {} (host {}): {}:{}: {}: {}", rank, host_name(), base ? base + 1 : file, line,
                              expression, mpi_error_text(code)));
}

MPI_Datatype mpi_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kBFloat16:
      return MPI_UINT16_T;  // MPI has no bf16; only our own operations interpret it
    case at::kLong:
      return MPI_INT64_T;
    case at::kInt:
      return MPI_INT32_T;
    case at::kByte:
      return MPI_UINT8_T;
    default:
      throw std::invalid_argument(fmt::format("mpi: unsupported type {}", c10::toString(type)));
  }
}

MpiOps::MpiOps()
    : bf16_sum_(make(bf16_sum)),
      bf16_max_(make(maximum<c10::BFloat16>)),
      fp32_max_(make(maximum<float>)),
      fp64_max_(make(maximum<double>)) {}

void MpiOps::free() {
  for (MPI_Op* op : {&bf16_sum_, &bf16_max_, &fp32_max_, &fp64_max_}) MPI_Op_free(op);
}

MPI_Op MpiOps::find(ReduceOp op, at::ScalarType type) const {
  if (op == ReduceOp::sum) return type == at::kBFloat16 ? bf16_sum_ : MPI_SUM;
  switch (type) {
    case at::kFloat:
      return fp32_max_;
    case at::kDouble:
      return fp64_max_;
    case at::kBFloat16:
      return bf16_max_;
    default:
      return MPI_MAX;
  }
}

}  // namespace filigree::dist
