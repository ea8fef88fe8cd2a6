// CRC-32C (Castagnoli, RFC 3720 appendix B.4), with the processor's instruction where it has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace robust {

// `seed` is the result for the bytes before, 0 for none.
uint32_t crc32c(const uint8_t* bytes, size_t length, uint32_t seed);

// The same by table: what the instruction is compared with.
uint32_t crc32cByTable(const uint8_t* bytes, size_t length, uint32_t seed);

}  // namespace robust
