// Plays the recorded calls of a member's step, for many members and steps.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace {

struct Operation {
  void* function;
  int64_t first, count;  // of its arguments
};

struct Argument {
  int64_t input, offset;
};

// A tensor: where it is of the first member at the first step, and how far apart the others' are.
struct Input {
  char* base;
  int64_t member, step;
};

template <typename, std::size_t>
using Pointer = void*;

template <std::size_t... I>
void call(void* function, void** values, std::index_sequence<I...>) {
  using Function = void (*)(Pointer<void, I>...);
  reinterpret_cast<Function>(function)(values[I]...);
}

template <std::size_t COUNT>
void call_with(void* function, void** values) {
  call(function, values, std::make_index_sequence<COUNT>());
}

constexpr std::size_t MOST = 256;

template <std::size_t... I>
constexpr std::array<void (*)(void*, void**), MOST> callers(std::index_sequence<I...>) {
  return {call_with<I>...};
}

constexpr auto CALL = callers(std::make_index_sequence<MOST>());

}  // namespace

extern "C" void play(const Operation* operations, int64_t count, const Argument* arguments,
                     const Input* inputs, const int64_t* members, int64_t size, int64_t begin,
                     int64_t end) {
  void* values[MOST];
  for (int64_t m = 0; m < size; m++) {
    for (int64_t step = begin; step < end; step++) {
      for (int64_t o = 0; o < count; o++) {
        const Argument* of = arguments + operations[o].first;
        for (int64_t i = 0; i < operations[o].count; i++) {
          const Input& input = inputs[of[i].input];
          values[i] = input.base + of[i].offset + members[m] * input.member + step * input.step;
        }
        CALL[operations[o].count](operations[o].function, values);
      }
    }
  }
}
