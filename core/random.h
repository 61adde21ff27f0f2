#pragma once
// Counter-based random numbers: a value is a pure function of (stream, counter), so it depends neither on the number of
// ranks nor on earlier draws. Mixing a seed with words gives the id of a stream:
//
//   uint64_t stream = random::stream(seed, "init", hash("encoder.layer.0.query.V"));
//   double u = random::uniform(stream, i);                  // [0, 1)
//
// The mixer is SplitMix64's finalizer (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#include <cstdint>
#include <string_view>
#include <vector>

namespace filigree::random {

constexpr uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr uint64_t combine(uint64_t a, uint64_t b) {
  return mix(a ^ (b + 0x632be59bd9b4e019ULL + (a << 6) + (a >> 2)));
}

/// FNV-1a of a name, for streams that are named by text.
constexpr uint64_t hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ULL;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

constexpr uint64_t stream(uint64_t seed, std::string_view name) { return combine(mix(seed), hash(name)); }

template <class... Words>
constexpr uint64_t stream(uint64_t seed, std::string_view name, Words... words) {
  uint64_t s = stream(seed, name);
  ((s = combine(s, static_cast<uint64_t>(words))), ...);
  return s;
}

constexpr uint64_t bits(uint64_t stream, uint64_t counter) { return mix(stream + counter * 0xd1342543de82ef95ULL); }

/// Uniform in [0, 1) with 53 bits.
constexpr double uniform(uint64_t stream, uint64_t counter) {
  return static_cast<double>(bits(stream, counter) >> 11) * 0x1.0p-53;
}

/// Standard normal by Box-Muller; counter i uses uniforms 2i and 2i+1 of the stream.
double normal(uint64_t stream, uint64_t counter);

/// A permutation of 0..n-1 (Fisher-Yates on the stream).
std::vector<int64_t> permutation(uint64_t stream, int64_t n);

}  // namespace filigree::random
