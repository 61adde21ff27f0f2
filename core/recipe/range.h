#pragma once
// The numbers that a recipe key or a command-line flag accepts. A range always has two ends:
//
//   from(1).to(65536)    above(0).to(1e6)    from(0).below(1)
//
// The upper ends keep the program's arithmetic (counts in int64, lengths, products of the two) far from overflow.
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

namespace filigree::recipe {

class Range {
 public:
  /// The bound that `value` violates: "at least 1"; "" when it is inside. NaN violates both.
  std::string missed(double value) const;
  /// "at least 0 and below 1".
  std::string text() const;

  double lowest() const { return low_; }
  double highest() const { return high_; }
  bool includes(double value) const { return missed(value).empty(); }

 private:
  friend class RangeStart;
  Range(double low, bool with_low, double high, bool with_high)
      : low_(low), high_(high), with_low_(with_low), with_high_(with_high) {}
  std::string low_text() const;
  std::string high_text() const;

  double low_, high_;
  bool with_low_, with_high_;
};

/// A lower end that still needs an upper one.
class RangeStart {
 public:
  RangeStart(double low, bool with_low) : low_(low), with_low_(with_low) {}
  Range to(double high) const { return {low_, with_low_, high, true}; }
  Range below(double high) const { return {low_, with_low_, high, false}; }

 private:
  double low_;
  bool with_low_;
};

inline RangeStart from(double low) { return {low, true}; }
inline RangeStart above(double low) { return {low, false}; }

/// The types of values that have a range.
template <class T>
concept Number = std::is_same_v<T, int64_t> || std::is_same_v<T, double> || std::is_same_v<T, std::optional<int64_t>> ||
    std::is_same_v<T, std::optional<double>>;

/// Upper ends that several keys share.
inline constexpr double kMostSteps = 1e12;   ///< optimizer steps
inline constexpr double kMostSamples = 1e9;  ///< samples per batch: multiplied by the ranks, it fits in int64
inline constexpr double kMostTokens = 1e6;   ///< of one text
inline constexpr double kMostSeed = 9223372036854775808.0;  ///< 2^63: all whole numbers
inline constexpr double kMostRanks = 65536;
inline constexpr double kMostMebibytes = 1e6;

}  // namespace filigree::recipe
