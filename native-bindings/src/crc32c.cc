#include "crc32c.h"

#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

namespace robust {

namespace {

// Computed at compile time, so it is constant and not state.
struct Table {
  uint32_t of[8][256];
  constexpr Table() : of() {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t crc = byte;
      for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
      of[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
      for (int slice = 1; slice < 8; slice++) of[slice][byte] = of[slice - 1][byte] >> 8 ^ of[0][of[slice - 1][byte] & 0xff];
    }
  }
};
constexpr Table table;

uint64_t load64(const uint8_t* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, 8);
  return value;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t byInstruction(const uint8_t* bytes, size_t length, uint32_t crc) {
  uint64_t wide = crc;
  for (; length >= 8; bytes += 8, length -= 8) wide = _mm_crc32_u64(wide, load64(bytes));
  crc = static_cast<uint32_t>(wide);
  for (; length > 0; bytes++, length--) crc = _mm_crc32_u8(crc, *bytes);
  return crc;
}
bool hasInstruction() { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
__attribute__((target("+crc"))) uint32_t byInstruction(const uint8_t* bytes, size_t length, uint32_t crc) {
  for (; length >= 8; bytes += 8, length -= 8) crc = __crc32cd(crc, load64(bytes));
  for (; length > 0; bytes++, length--) crc = __crc32cb(crc, *bytes);
  return crc;
}
bool hasInstruction() { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
uint32_t byInstruction(const uint8_t*, size_t, uint32_t crc) { return crc; }
bool hasInstruction() { return false; }
#endif

}  // namespace

uint32_t crc32cByTable(const uint8_t* bytes, size_t length, uint32_t seed) {
  uint32_t crc = ~seed;
  for (; length >= 8; bytes += 8, length -= 8) {
    uint64_t word = load64(bytes) ^ crc;
    crc = table.of[7][word & 0xff] ^ table.of[6][word >> 8 & 0xff] ^ table.of[5][word >> 16 & 0xff] ^ table.of[4][word >> 24 & 0xff] ^
          table.of[3][word >> 32 & 0xff] ^ table.of[2][word >> 40 & 0xff] ^ table.of[1][word >> 48 & 0xff] ^ table.of[0][word >> 56];
  }
  for (; length > 0; bytes++, length--) crc = crc >> 8 ^ table.of[0][(crc ^ *bytes) & 0xff];
  return ~crc;
}

uint32_t crc32c(const uint8_t* bytes, size_t length, uint32_t seed) {
  return hasInstruction() ? ~byInstruction(bytes, length, ~seed) : crc32cByTable(bytes, length, seed);
}

}  // namespace robust
