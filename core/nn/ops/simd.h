#pragma once
// Sixteen fp32 lanes for the CPU kernels, in the compiler's portable vector types: bf16 memory is widened on load and
// rounded to nearest even on store; all arithmetic is fp32.
//
// A kernel is a plain function marked FILIGREE_KERNEL. On x86-64 it is compiled for three instruction sets,
// and the best one that the processor supports is bound at load time. A kernel may call only the
// always_inline functions below and other kernels. Sanitizer runtimes are not initialized when that choice is
// made, so with sanitizers there is one version, as with clang and on other processors.
#include <c10/util/BFloat16.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FILIGREE_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FILIGREE_KERNEL
#endif
#define FILIGREE_INLINE inline __attribute__((always_inline))

// Lanes are never passed through a real function call, so their calling convention does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace filigree::nn::ops::simd {

inline constexpr int64_t kLanes = 16;

using Lanes [[gnu::vector_size(64)]] = float;
using Words [[gnu::vector_size(64)]] = uint32_t;
using Ints [[gnu::vector_size(64)]] = int32_t;
using Halves [[gnu::vector_size(32)]] = uint16_t;

constexpr int64_t round_up(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

FILIGREE_INLINE Lanes splat(float x) { return Lanes{} + x; }
FILIGREE_INLINE Words lane_numbers() { return Words{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
FILIGREE_INLINE Lanes select(Ints condition, Lanes yes, Lanes no) { return condition ? yes : no; }

FILIGREE_INLINE Lanes load(const float* from) {
  Lanes x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

FILIGREE_INLINE Lanes load(const c10::BFloat16* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  return reinterpret_cast<Lanes>(__builtin_convertvector(halves, Words) << 16);
}

FILIGREE_INLINE void store(float* to, Lanes x) { std::memcpy(to, &x, sizeof x); }

FILIGREE_INLINE void store(c10::BFloat16* to, Lanes x) {
  const Words bits = reinterpret_cast<Words>(x);
  const Words nan = reinterpret_cast<Words>(x != x);
  const Words rounded = ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) | (nan & 0x7fc0);
  const Halves halves = __builtin_convertvector(rounded, Halves);
  std::memcpy(to, &halves, sizeof halves);
}

/// n < 16 elements; the other lanes are 0.
template <class T>
FILIGREE_INLINE Lanes load(const T* from, int64_t n) {
  if (n >= kLanes) return load(from);
  T buffer[kLanes] = {};
  std::memcpy(static_cast<void*>(buffer), from, static_cast<size_t>(n) * sizeof(T));
  return load(buffer);
}

template <class T>
FILIGREE_INLINE void store(T* to, Lanes x, int64_t n) {
  if (n >= kLanes) return store(to, x);
  T buffer[kLanes];
  store(buffer, x);
  std::memcpy(static_cast<void*>(to), buffer, static_cast<size_t>(n) * sizeof(T));
}

FILIGREE_INLINE float sum(Lanes x) {
  float lanes[kLanes];
  std::memcpy(lanes, &x, sizeof x);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

FILIGREE_INLINE Words load_words(const uint32_t* from) {
  Words x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

/// e^x within 2 ulp: x = n ln 2 + r, a polynomial in r, and n added to the exponent. Below -87 it returns the
/// smallest normal number.
FILIGREE_INLINE Lanes exp(Lanes x) {
  x = select(x < -87.0f, splat(-87.0f), x);
  x = select(x > 88.0f, splat(88.0f), x);
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Lanes shifted = x * 1.44269504f + shift;
  const Lanes n = shifted - shift;
  const Lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  Lanes p = splat(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const Words exponent = (reinterpret_cast<Words>(shifted) - 0x4b400000U) << 23;
  return reinterpret_cast<Lanes>(reinterpret_cast<Words>(p) + exponent);
}

}  // namespace filigree::nn::ops::simd
