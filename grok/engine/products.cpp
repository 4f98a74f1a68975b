// Products of small matrices, which the usual libraries take at half their speed.

#include <ATen/cpu/vec/vec.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

struct Strides {
  int64_t batch, row, col;
};

// out (m x n) = bias + a (m x k) b (k x n), as often as `batch` says
struct Shape {
  int64_t batch, m, n, k;
  Strides a, b, bias, out;
};

template <typename T>
constexpr int64_t LANES = at::vec::Vectorized<T>::size();

// A tile of the result is kept in registers: of HIGH rows and WIDE vectors.
#if defined(CPU_CAPABILITY_AVX512)
constexpr int64_t HIGH = 8;
#else
constexpr int64_t HIGH = 4;
#endif
constexpr int64_t WIDE = 3;
constexpr int64_t DEEP = 256;  // summands at a time: of so many, a panel of b fits a cache
constexpr int64_t TALL = 128;  // rows at a time: of so many and DEEP columns, a fits the next one
constexpr int64_t FAR = 2048;  // bytes between columns of a from which they are put together

constexpr int64_t LARGE = 1 << 23;  // multiplications from which a library may be faster
constexpr int64_t WORTH_THREADS = 1 << 20;

// What a tile is the sum of.
template <typename T>
struct Terms {
  const T* before;                 // added to the product, or nullptr
  int64_t before_row, before_col;  // the latter is 1, or 0 where all of a row is the same
  int64_t before_last;             // numbers that there are for the last vector
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, k;
};

// sums (ROWS x COLS vectors) = before + a b; the last vector has `last` lanes
template <typename T, int ROWS, int COLS>
void tile(const Terms<T>& x, T* sums, int64_t row, int64_t last) {
  using Vector = at::vec::Vectorized<T>;
  constexpr int64_t L = LANES<T>;
  Vector c[ROWS][COLS];
  const auto begin = [&](const auto& first) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < COLS; j++) c[i][j] = first(x.before + i * x.before_row, j);
    }
  };
  if (!x.before) {
    begin([](const T*, int) { return Vector(T(0)); });
  } else if (x.before_col == 0) {
    begin([](const T* row, int) { return Vector(*row); });
  } else {
    begin([&](const T* row, int j) {
      return Vector::loadu(row + j * L, j + 1 < COLS ? L : x.before_last);
    });
  }
  for (int64_t p = 0; p < x.k; p++) {
    Vector b[COLS];
#pragma GCC unroll 4
    for (int j = 0; j < COLS; j++) b[j] = Vector::loadu(x.b + p * x.b_row + j * L);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) {
      const Vector factor(x.a[i * x.a_row + p * x.a_col]);
#pragma GCC unroll 4
      for (int j = 0; j < COLS; j++) c[i][j] = at::vec::fmadd(factor, b[j], c[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j + 1 < COLS; j++) c[i][j].store(sums + i * row + j * L);
    c[i][COLS - 1].store(sums + i * row + (COLS - 1) * L, last);
  }
}

template <typename T>
using Tile = void (*)(const Terms<T>&, T*, int64_t, int64_t);

template <typename T, int COLS, std::size_t... I>
constexpr std::array<Tile<T>, HIGH> of_heights(std::index_sequence<I...>) {
  return {tile<T, int(I) + 1, COLS>...};
}

template <typename T>
constexpr std::array<std::array<Tile<T>, HIGH>, WIDE> TILES = {
    of_heights<T, 1>(std::make_index_sequence<HIGH>()),
    of_heights<T, 2>(std::make_index_sequence<HIGH>()),
    of_heights<T, 3>(std::make_index_sequence<HIGH>())};

// A block of less than L x L, transposed.
template <typename T>
void transpose_less(const T* from, int64_t from_row, int64_t rows, int64_t cols, T* to,
                    int64_t to_row) {
  using Vector = at::vec::Vectorized<T>;
  constexpr int64_t L = LANES<T>;
  alignas(64) T in[L * L], out[L * L];
  for (int64_t i = 0; i < L; i++) {
    (i < rows ? Vector::loadu(from + i * from_row, cols) : Vector(T(0))).store(in + i * L);
  }
  at::vec::transpose_mxn<T, L, L>(in, L, out, L);
  for (int64_t i = 0; i < cols; i++) Vector::loadu(out + i * L).store(to + i * to_row, rows);
}

// A matrix, transposed; it may have gaps between the rows of either. Where this is called and not
// inlined, small products take up to a quarter longer.
template <typename T>
[[gnu::always_inline]] inline void transpose(const T* from, int64_t from_row, int64_t rows,
                                             int64_t cols, T* to, int64_t to_row) {
  constexpr int64_t L = LANES<T>;
  for (int64_t i = 0; i < rows; i += L) {
    for (int64_t j = 0; j < cols; j += L) {
      const T* const block = from + i * from_row + j;
      T* const there = to + j * to_row + i;
      const int64_t high = std::min(L, rows - i), wide = std::min(L, cols - j);
      if (high == L && wide == L) {
        at::vec::transpose_mxn<T, L, L>(block, from_row, there, to_row);
      } else {
        transpose_less(block, from_row, high, wide, there, to_row);
      }
    }
  }
}

// The k x n part of b, padded to `width`, row behind row.
template <typename T>
void pack(const T* b, const Strides& s, int64_t k, int64_t n, int64_t width, T* panel) {
  using Vector = at::vec::Vectorized<T>;
  constexpr int64_t L = LANES<T>;
  const int64_t last = n - (width - L);  // lanes of the last vector
  if (s.col == 1) {
    for (int64_t p = 0; p < k; p++, b += s.row, panel += width) {
      for (int64_t j = 0; j < width - L; j += L) Vector::loadu(b + j).store(panel + j);
      Vector::loadu(b + width - L, last).store(panel + width - L);
    }
    return;
  }
  if (s.row != 1) {
    for (int64_t p = 0; p < k; p++, b += s.row, panel += width) {
      for (int64_t j = 0; j < width; j++) panel[j] = j < n ? b[j * s.col] : T(0);
    }
    return;
  }
  if (last < L) {
    for (int64_t p = 0; p < k; p++) Vector(T(0)).store(panel + p * width + width - L);
  }
  transpose(b, s.col, n, k, panel, width);
}

template <typename T>
void copy(const T* from, int64_t step, int64_t count, T* to) {
  if (step == 1) {
    std::copy_n(from, count, to);
  } else if (step == 0) {
    const T value = *from;
    for (int64_t i = 0; i < count; i++) to[i] = value;
  } else {
    for (int64_t i = 0; i < count; i++) to[i] = from[i * step];
  }
}

// Rows of a, of which columns lie far apart, in strips of HIGH, each column behind column.
template <typename T>
void strips(const T* a, int64_t a_col, int64_t rows, int64_t k, T* to) {
  for (int64_t p = 0; p < k; p++, a += a_col) {
    for (int64_t r = 0; r < rows; r += HIGH) {
      std::copy_n(a + r, std::min(HIGH, rows - r), to + r * k + p * HIGH);
    }
  }
}

// The same rows and columns of the result, of a panel of b, and of `k` summands.
template <typename T>
struct Part {
  const T *a, *b, *bias;
  T* out;
  int64_t a_row, a_col, a_strip;  // between rows, columns and every HIGH rows
  int64_t b_row;
  int64_t rows, cols, n, k;  // cols: vectors, n: columns
  bool first;
};

template <typename T>
void part(const Part<T>& x, const Shape& s) {
  constexpr int64_t L = LANES<T>;
  constexpr int64_t BLOCK = std::max(L, HIGH);  // rows that are turned at a time
  alignas(64) T turned[BLOCK * WIDE * L];
  const int64_t width = x.cols * L, last = x.n - (x.cols - 1) * L;
  const bool straight = s.out.col == 1;
  for (int64_t i = 0; i < x.rows; i += BLOCK) {
    const int64_t rows = std::min(BLOCK, x.rows - i);
    T* const to = x.out + i * s.out.row;
    T* const sums = straight ? to : turned;
    const int64_t row = straight ? s.out.row : width;
    if (!x.first && !straight) {
      transpose(to, s.out.col, x.n, rows, turned, width);
    }
    const int64_t lanes = straight ? last : L;
    Terms<T> terms{sums, row, 1, lanes, nullptr, x.a_row, x.a_col, x.b, x.b_row, x.k};
    if (x.first && x.bias && s.bias.col > 1) {
      for (int64_t r = 0; r < rows; r++) {
        copy(x.bias + (i + r) * s.bias.row, s.bias.col, x.n, sums + r * row);
      }
    } else if (x.first) {
      terms.before = x.bias ? x.bias + i * s.bias.row : nullptr;
      terms.before_row = s.bias.row, terms.before_col = s.bias.col, terms.before_last = last;
    }
    for (int64_t r = 0; r < rows; r += HIGH) {
      terms.a = x.a + (i + r) / HIGH * x.a_strip;
      TILES<T>[x.cols - 1][std::min(HIGH, rows - r) - 1](terms, sums + r * row, row, lanes);
      if (terms.before) terms.before += HIGH * terms.before_row;
    }
    if (!straight) transpose(turned, width, rows, x.n, to, s.out.col);
  }
}

// Room that a thread keeps, aligned as vectors are.
template <typename T, int WHICH>
T* room(int64_t numbers) {
  constexpr int64_t LINE = 64 / sizeof(T);
  thread_local std::vector<T> kept;
  if (int64_t(kept.size()) < numbers + LINE) kept.resize(numbers + LINE);
  const auto first = reinterpret_cast<std::uintptr_t>(kept.data());
  return reinterpret_cast<T*>((first + 63) / 64 * 64);
}

// Rows of the result, and the columns of these vectors.
template <typename T>
void block(const T* a, const T* b, const T* bias, T* out, const Shape& s, int64_t row, int64_t rows,
           int64_t from, int64_t to) {
  constexpr int64_t L = LANES<T>;
  const int64_t panels = (to - from + WIDE - 1) / WIDE;  // of nearly the same width
  const auto begin = [&](int64_t i) { return from + i * (to - from) / panels; };
  const bool far = s.a.row == 1 && s.a.col * int64_t(sizeof(T)) >= FAR;
  T* const packed = room<T, 0>((to - from) * L * std::min(DEEP, s.k));
  T* const turned = far ? room<T, 1>((TALL + HIGH) * DEEP) : nullptr;
  Part<T> x{};
  x.a_row = s.a.row, x.a_col = s.a.col, x.a_strip = HIGH * s.a.row;
  for (int64_t p = 0; p < s.k || p == 0; p += DEEP) {
    x.k = std::min(DEEP, s.k - p), x.first = p == 0;
    for (int64_t r = row; r < row + rows; r += TALL) {
      x.rows = std::min(TALL, row + rows - r);
      x.a = a + r * s.a.row + p * s.a.col;
      if (far) {
        strips(x.a, s.a.col, x.rows, x.k, turned);
        x.a = turned, x.a_row = 1, x.a_col = HIGH, x.a_strip = HIGH * x.k;
      }
      for (int64_t i = 0; i < panels; i++) {
        const int64_t first = begin(i) * L;
        T* const panel = packed + (first - from * L) * x.k;
        x.cols = begin(i + 1) - begin(i);
        x.n = std::min(x.cols * L, s.n - first);
        x.b = b + p * s.b.row + first * s.b.col, x.b_row = s.b.row;
        if (rows > TALL || s.b.col != 1 || x.n < x.cols * L) {  // else it is read where it is
          if (r == row) pack(x.b, s.b, x.k, x.n, x.cols * L, panel);
          x.b = panel, x.b_row = x.cols * L;
        }
        x.bias = bias ? bias + r * s.bias.row + first * s.bias.col : nullptr;
        x.out = out + r * s.out.row + first * s.out.col;
        part(x, s);
      }
    }
  }
}

int64_t threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

template <typename T>
void by_tiles(const T* a, const T* b, const T* bias, T* out, const Shape& s) {
  const int64_t vectors = (s.n + LANES<T> - 1) / LANES<T>;
  const int64_t parts = s.m * s.n * s.k >= WORTH_THREADS ? threads() : 1;
  const int64_t high = (s.m + HIGH - 1) / HIGH;  // rows are divided, or columns
  const bool rows = high / HIGH > vectors / WIDE;
#pragma omp parallel for if (parts > 1)
  for (int64_t i = 0; i < parts; i++) {
    const auto begin = [&](int64_t n, int64_t part) { return n * part / parts; };
    const int64_t row = rows ? begin(high, i) * HIGH : 0;
    const int64_t below = rows ? std::min(begin(high, i + 1) * HIGH, s.m) : s.m;
    const int64_t from = rows ? 0 : begin(vectors, i), to = rows ? vectors : begin(vectors, i + 1);
    if (row < below && from < to) block(a, b, bias, out, s, row, below - row, from, to);
  }
}

// Whether to take the transposed product: what is moved and what is multiplied in vain decide.
template <typename T>
bool better_turned(const Shape& s) {
  constexpr int64_t L = LANES<T>;
  const auto whole = [](int64_t n) { return (n + L - 1) / L; };
  constexpr int64_t ACROSS = std::max<int64_t>(L / 4, 1);
  const auto moves = [](int64_t n, bool along) { return n / (along ? L : ACROSS); };
  const int64_t as_it_is = moves(s.k * s.n, s.b.col == 1) + moves(s.m * s.n, s.out.col == 1) +
                           whole(s.n) * s.m * s.k / 2;
  const int64_t turned = moves(s.k * s.m, s.a.row == 1) + moves(s.m * s.n, s.out.row == 1) +
                         whole(s.m) * s.n * s.k / 2;
  return turned < as_it_is && (s.out.row == 1 || s.out.col == 1);
}

Strides across(const Strides& s) { return {s.batch, s.col, s.row}; }

// BLAS, as Fortran calls it.
template <typename T>
using Library = void (*)(const char*, const char*, const int*, const int*, const int*, const T*,
                         const T*, const int*, const T*, const int*, const T*, T*, const int*);

// Whether rows or columns lie one behind the other, as BLAS wants them: none over another.
bool for_library(const Strides& s, int64_t rows, int64_t cols) {
  return (s.col == 1 && (rows == 1 || s.row >= cols)) ||
         (s.row == 1 && (cols == 1 || s.col >= rows));
}

template <typename T>
void by_library(const T* a, const T* b, const T* bias, T* out, const Shape& s, Library<T> gemm) {
  if (bias) {
    for (int64_t i = 0; i < s.m; i++) {
      copy(bias + i * s.bias.row, s.bias.col, s.n, out + i * s.out.row);
    }
  }
  // by columns it is the transposed product
  const bool b_turned = s.b.col != 1, a_turned = s.a.col != 1;
  const int m = s.m, n = s.n, k = s.k, out_row = std::max(s.out.row, s.n);
  // of a single row the distance to the next may be anything
  const int a_row = a_turned ? std::max(s.a.col, s.m) : std::max(s.a.row, s.k);
  const int b_row = b_turned ? std::max(s.b.col, s.k) : std::max(s.b.row, s.n);
  const T one = 1, before = bias ? 1 : 0;
  gemm(b_turned ? "T" : "N", a_turned ? "T" : "N", &n, &m, &k, &one, b, &b_row, a, &a_row, &before,
       out, &out_row);
}

template <typename T>
void product(const T* a, const T* b, const T* bias, T* out, const Shape* shape, Library<T> gemm) {
  const Shape& s = *shape;
  const bool large = s.m * s.n * s.k > LARGE;
  const bool left = gemm && large && for_library(s.a, s.m, s.k) && for_library(s.b, s.k, s.n) &&
                    s.out.col == 1;
  const bool turn = !left && better_turned<T>(s);
  const Shape turned{s.batch,     s.n,         s.m,            s.k,
                     across(s.b), across(s.a), across(s.bias), across(s.out)};
  for (int64_t i = 0; i < s.batch; i++) {
    const T *one = a + i * s.a.batch, *other = b + i * s.b.batch;
    const T* const added = bias ? bias + i * s.bias.batch : nullptr;
    T* const to = out + i * s.out.batch;
    if (left) {
      by_library(one, other, added, to, s, gemm);
    } else if (turn) {
      by_tiles(other, one, added, to, turned);
    } else {
      by_tiles(one, other, added, to, s);
    }
  }
}

}  // namespace

extern "C" void product_float32(const float* a, const float* b, const float* bias, float* out,
                                const Shape* shape, Library<float> gemm) {
  product(a, b, bias, out, shape, gemm);
}

extern "C" void product_float64(const double* a, const double* b, const double* bias, double* out,
                                const Shape* shape, Library<double> gemm) {
  product(a, b, bias, out, shape, gemm);
}
